;; The internet checksum (RFC 1071) with 128-bit vectors, for frames that live in this memory.
;; scripts/build-kernel.mjs compiles it into src/checksum-kernel.ts.
;;
;; Sums are over 16-bit words as memory has them, little-endian, and are swapped once at the end: ones' complement
;; addition does not mind (RFC 1071 §2 B). $raw may read, but never counts, up to 15 bytes behind `end`: checksum-simd.ts
;; keeps that many bytes of the memory free.
(module
  (import "e" "m" (memory 1))

  ;; The sum of [$at, $end), folded to 17 bits, little-endian. No lane overflows up to 128 KiB.
  ;; Each 32-bit lane adds whole words ($x, modulo 2^32) and their upper halves ($h); the lower halves' sum is
  ;; $x - ($h << 16). That is one operation a vector less than to split every word.
  (func $raw (param $at i32) (param $end i32) (result i32)
    (local $x v128) (local $h v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $n i32) (local $s i64)
    (local.set $n (i32.sub (local.get $end) (local.get $at)))
    (if (i32.ge_u (local.get $n) (i32.const 64)) (then
      (loop $block
        (local.set $a (v128.load align=1 (local.get $at)))
        (local.set $b (v128.load offset=16 align=1 (local.get $at)))
        (local.set $c (v128.load offset=32 align=1 (local.get $at)))
        (local.set $d (v128.load offset=48 align=1 (local.get $at)))
        (local.set $x (i32x4.add (local.get $x)
          (i32x4.add (i32x4.add (local.get $a) (local.get $b)) (i32x4.add (local.get $c) (local.get $d)))))
        (local.set $h (i32x4.add (local.get $h) (i32x4.add
          (i32x4.add (i32x4.shr_u (local.get $a) (i32.const 16)) (i32x4.shr_u (local.get $b) (i32.const 16)))
          (i32x4.add (i32x4.shr_u (local.get $c) (i32.const 16)) (i32x4.shr_u (local.get $d) (i32.const 16))))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (local.set $n (i32.sub (local.get $n) (i32.const 64)))
        (br_if $block (i32.ge_u (local.get $n) (i32.const 64))))))
    (block $done
      (loop $vector
        (br_if $done (i32.lt_u (local.get $n) (i32.const 16)))
        (local.set $a (v128.load align=1 (local.get $at)))
        (local.set $x (i32x4.add (local.get $x) (local.get $a)))
        (local.set $h (i32x4.add (local.get $h) (i32x4.shr_u (local.get $a) (i32.const 16))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $n (i32.sub (local.get $n) (i32.const 16)))
        (br $vector)))
    ;; The last 0 to 15 bytes: a whole vector with zeros for what is not ours.
    (local.set $a (v128.and (v128.load align=1 (local.get $at))
      (i8x16.gt_s (i8x16.splat (local.get $n)) (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15))))
    (local.set $x (i32x4.add (local.get $x) (local.get $a)))
    (local.set $h (i32x4.add (local.get $h) (i32x4.shr_u (local.get $a) (i32.const 16))))
    (local.set $x (i32x4.sub (local.get $x) (i32x4.shl (local.get $h) (i32.const 16))))
    ;; Two 32-bit lanes at a time: their sums stay below 2^31 each.
    (local.set $s (i64.add
      (i64.add (i64x2.extract_lane 0 (local.get $x)) (i64x2.extract_lane 1 (local.get $x)))
      (i64.add (i64x2.extract_lane 0 (local.get $h)) (i64x2.extract_lane 1 (local.get $h)))))
    (local.set $s (i64.add (i64.and (local.get $s) (i64.const 0xffffffff)) (i64.shr_u (local.get $s) (i64.const 32))))
    (i32.wrap_i64 (i64.add (i64.and (local.get $s) (i64.const 0xffff)) (i64.shr_u (local.get $s) (i64.const 16)))))

  ;; To 16 bits, for any sum below 2^32.
  (func $fold (param $s i32) (result i32)
    (local.set $s (i32.add (i32.and (local.get $s) (i32.const 0xffff)) (i32.shr_u (local.get $s) (i32.const 16))))
    (i32.add (i32.and (local.get $s) (i32.const 0xffff)) (i32.shr_u (local.get $s) (i32.const 16))))

  (func $swap (param $s i32) (result i32)
    (i32.and (i32.const 0xffff) (i32.or (i32.shl (local.get $s) (i32.const 8)) (i32.shr_u (local.get $s) (i32.const 8)))))

  ;; What checksum.ts's `sum` answers.
  (func (export "sum") (param $at i32) (param $end i32) (param $initial i32) (result i32)
    (call $fold (i32.add (local.get $initial)
      (call $swap (call $fold (call $raw (local.get $at) (local.get $end)))))))

  ;; Sum of an IPv4 header, little-endian, folded to 16 bits.
  (func $header (param $at i32) (param $end i32) (result i32)
    (local $a i64) (local $b i64)
    (if (i32.ne (i32.sub (local.get $end) (local.get $at)) (i32.const 20))
      (then (return (call $fold (call $raw (local.get $at) (local.get $end))))))
    (local.set $a (i64.load align=1 (local.get $at)))
    (local.set $b (i64.load offset=8 align=1 (local.get $at)))
    (local.set $a (i64.add
      (i64.add
        (i64.add (i64.and (local.get $a) (i64.const 0xffffffff)) (i64.shr_u (local.get $a) (i64.const 32)))
        (i64.add (i64.and (local.get $b) (i64.const 0xffffffff)) (i64.shr_u (local.get $b) (i64.const 32))))
      (i64.load32_u offset=16 align=1 (local.get $at))))
    (call $fold (i32.wrap_i64 (i64.add (i64.and (local.get $a) (i64.const 0xffff)) (i64.shr_u (local.get $a) (i64.const 16))))))

  ;; Sum of the pseudo-header of an IPv4 packet, little-endian, below 2^19.
  (func $pseudo (param $ip i32) (param $length i32) (result i32)
    (local $a i64)
    (local.set $a (i64.load offset=12 align=1 (local.get $ip)))
    (local.set $a (i64.add (i64.and (local.get $a) (i64.const 0xffffffff)) (i64.shr_u (local.get $a) (i64.const 32))))
    (i32.add
      (i32.wrap_i64 (i64.add (i64.and (local.get $a) (i64.const 0xffff)) (i64.shr_u (local.get $a) (i64.const 16))))
      (i32.add
        (i32.shl (i32.load8_u offset=9 (local.get $ip)) (i32.const 8))
        (call $swap (local.get $length)))))

  ;; All checksums of a VXLAN packet whose inner transport is ICMP, TCP or UDP, as bits of what is wrong:
  ;; 1 outer IPv4, 2 outer UDP, 4 inner IPv4, 8 inner transport.
  (func (export "verifyVxlan")
    (param $ip i32) (param $inner i32) (param $innerIp i32) (param $transport i32) (param $transportEnd i32)
    (param $innerEnd i32) (result i32)
    (local $udp i32) (local $faults i32) (local $protocol i32) (local $payload i32) (local $outer i32) (local $rest i32)
    (local.set $udp (i32.sub (local.get $inner) (i32.const 16)))
    (local.set $faults (i32.or
      (i32.ne (call $header (local.get $ip) (local.get $udp)) (i32.const 0xffff))
      (i32.shl
        (i32.ne (call $header (local.get $innerIp) (local.get $transport)) (i32.const 0xffff))
        (i32.const 2))))
    (local.set $payload (call $raw (local.get $transport) (local.get $transportEnd)))
    (local.set $protocol (i32.load8_u offset=9 (local.get $innerIp)))
    (if (i32.eq (local.get $protocol) (i32.const 1))
      (then (local.set $faults (i32.or (local.get $faults)
        (i32.shl (i32.ne (call $fold (local.get $payload)) (i32.const 0xffff)) (i32.const 3)))))
      (else
        ;; UDP without a checksum is right.
        (if (i32.or
              (i32.ne (local.get $protocol) (i32.const 17))
              (i32.load16_u offset=6 align=1 (local.get $transport)))
          (then (local.set $faults (i32.or (local.get $faults)
            (i32.shl
              (i32.ne
                (call $fold (i32.add (local.get $payload)
                  (call $pseudo (local.get $innerIp) (i32.sub (local.get $transportEnd) (local.get $transport)))))
                (i32.const 0xffff))
              (i32.const 3))))))))
    (if (i32.eqz (i32.load16_u offset=6 align=1 (local.get $udp))) (then (return (local.get $faults))))
    ;; The outer UDP checksum covers the inner transport, whose sum is known, and what is around it. Bytes behind an
    ;; odd number of others change places in their words.
    (local.set $outer (i32.add
      (i32.add
        (call $pseudo (local.get $ip) (i32.sub (local.get $innerEnd) (local.get $udp)))
        (call $raw (local.get $udp) (local.get $transport)))
      (local.get $payload)))
    (if (i32.ne (local.get $transportEnd) (local.get $innerEnd)) (then
      (local.set $rest (call $fold (call $raw (local.get $transportEnd) (local.get $innerEnd))))
      (if (i32.and (i32.sub (local.get $transportEnd) (local.get $transport)) (i32.const 1))
        (then (local.set $rest (call $swap (local.get $rest)))))
      (local.set $outer (i32.add (local.get $outer) (local.get $rest)))))
    (i32.or (local.get $faults)
      (i32.shl (i32.ne (call $fold (local.get $outer)) (i32.const 0xffff)) (i32.const 1))))
)
