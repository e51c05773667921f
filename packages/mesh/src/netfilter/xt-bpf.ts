/**
 * `-m bpf --bytecode`: a classic BPF program that looks at the packet from its IPv4 header on (Linux
 * net/netfilter/xt_bpf.c; Documentation/networking/filter.rst), as Docker finds a VNI with it from 24.0 on.
 *
 * Instructions are those that load from the packet, compute, jump forward and return. Not modelled: scratch memory, the
 * kernel's ancillary data; a program with any of them is refused.
 */
import type { Packet } from "./packet.ts";
import { RuleError } from "./rule-values.ts";

interface Instruction {
  readonly code: number;
  /** How many instructions to skip if a comparison is true, and if it is not. */
  readonly jt: number;
  readonly jf: number;
  /** uint32. */
  readonly k: number;
}

/** Opcodes (include/uapi/linux/bpf_common.h): class, size, mode; class, operation, source. */
const Op = {
  loadWord: 0x20,
  loadHalf: 0x28,
  loadByte: 0x30,
  loadWordIndexed: 0x40,
  loadHalfIndexed: 0x48,
  loadByteIndexed: 0x50,
  loadImmediate: 0x00,
  loadLength: 0x80,
  loadXImmediate: 0x01,
  loadXHeaderLength: 0xb1,
  and: 0x54,
  or: 0x44,
  shiftLeft: 0x64,
  shiftRight: 0x74,
  add: 0x04,
  subtract: 0x14,
  jump: 0x05,
  jumpEqual: 0x15,
  jumpGreater: 0x25,
  jumpGreaterOrEqual: 0x35,
  jumpBits: 0x45,
  return: 0x06,
  returnA: 0x16,
  moveToX: 0x07,
  moveToA: 0x87,
} as const;
const KNOWN: ReadonlySet<number> = new Set(Object.values(Op));
const MAX_INSTRUCTIONS = 64;

/** A function that says whether the program takes a packet; throws a {@link RuleError} for what is no program. */
export function bpf(text: string): (packet: Packet) => boolean {
  const program = parse(text);
  return (packet) => run(program, packet) !== 0;
}

/** `6,177 0 0 0,64 0 0 12,…`: the number of instructions, and each one's code, jt, jf and k. */
function parse(text: string): readonly Instruction[] {
  const [count = "", ...lines] = text.split(",");
  const program = lines.map((line): Instruction => {
    const [code = Number.NaN, jt = Number.NaN, jf = Number.NaN, k = Number.NaN, ...more] = line
      .trim()
      .split(/\s+/)
      .map(Number);
    const isSound = [code, jt, jf, k].every((value) => Number.isInteger(value) && value >= 0 && value <= 0xffffffff);
    if (!isSound || more.length > 0) throw new RuleError(`bpf: error at "${line}"`);
    if (!KNOWN.has(code)) throw new RuleError(`bpf: instruction ${code} is not modelled`);
    return { code, jt, jf, k };
  });
  if (Number(count) !== program.length || program.length === 0 || program.length > MAX_INSTRUCTIONS) {
    throw new RuleError(`bpf: expected ${count} instructions, found ${program.length}`);
  }
  // What the kernel's own check wants: no way out but a return (bpf_check_classic).
  const last = program.at(-1)!.code;
  const staysInside = program.every(({ code, jt, jf, k }, at) => {
    const isJump = (code & 7) === 5;
    return !isJump || at + 1 + (code === Op.jump ? k : Math.max(jt, jf)) < program.length;
  });
  if ((last !== Op.return && last !== Op.returnA) || !staysInside) throw new RuleError("bpf: the program does not end");
  return program;
}

/** The program's answer; a load from outside of the packet ends it with 0. */
function run(program: readonly Instruction[], { view, ipAt, end }: Packet): number {
  let a = 0;
  let x = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!;
    switch (code) {
      case Op.loadWord:
      case Op.loadWordIndexed: {
        const from = ipAt + k + (code === Op.loadWord ? 0 : x);
        if (from + 4 > end) return 0;
        a = view.getUint32(from);
        break;
      }
      case Op.loadHalf:
      case Op.loadHalfIndexed: {
        const from = ipAt + k + (code === Op.loadHalf ? 0 : x);
        if (from + 2 > end) return 0;
        a = view.getUint16(from);
        break;
      }
      case Op.loadByte:
      case Op.loadByteIndexed: {
        const from = ipAt + k + (code === Op.loadByte ? 0 : x);
        if (from + 1 > end) return 0;
        a = view.getUint8(from);
        break;
      }
      case Op.loadImmediate:
        a = k;
        break;
      case Op.loadLength:
        a = end - ipAt;
        break;
      case Op.loadXImmediate:
        x = k;
        break;
      case Op.loadXHeaderLength:
        if (ipAt + k + 1 > end) return 0;
        x = (view.getUint8(ipAt + k) & 0xf) * 4;
        break;
      case Op.and:
        a = (a & k) >>> 0;
        break;
      case Op.or:
        a = (a | k) >>> 0;
        break;
      case Op.shiftLeft:
        a = (a << k) >>> 0;
        break;
      case Op.shiftRight:
        a >>>= k;
        break;
      case Op.add:
        a = (a + k) >>> 0;
        break;
      case Op.subtract:
        a = (a - k) >>> 0;
        break;
      case Op.jump:
        at += k;
        break;
      case Op.jumpEqual:
        at += a === k ? jt : jf;
        break;
      case Op.jumpGreater:
        at += a > k ? jt : jf;
        break;
      case Op.jumpGreaterOrEqual:
        at += a >= k ? jt : jf;
        break;
      case Op.jumpBits:
        at += (a & k) !== 0 ? jt : jf;
        break;
      case Op.moveToX:
        x = a;
        break;
      case Op.moveToA:
        a = x;
        break;
      case Op.returnA:
        return a;
      default:
        return k;
    }
  }
  return 0;
}
