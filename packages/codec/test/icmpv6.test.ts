import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv6 } from "../src/address.ts";
import { ChecksumStatus, pseudoHeader6 } from "../src/checksum.ts";
import { pseudoHeaderSum } from "../src/encode.ts";
import * as icmpv6 from "../src/icmpv6.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** IPv6 header and router solicitation that a container's interface sent. */
const SOLICITATION = bytesOf(
  "6000000000103afffe80000000000000589408fffe0f3369ff020000000000000000000000000002" +
    "850053150000000001015a94080f3369",
);
/** Messages between these two, made here and found right by tshark. */
const PAIR = { srcIp: parseIpv6("fe80::42:aff:fe00:903")!, dstIp: parseIpv6("fe80::42:aff:fe00:905")! };
const ECHO_REQUEST = bytesOf("8000d48100190003 6262626262626262");
const ECHO_REPLY = bytesOf("8100d38100190003 6262626262626262");
/** A UDP datagram of eight bytes on its way from the second to the first. */
const QUOTED =
  "6000000000101140fe8000000000000000420afffe000905fe8000000000000000420afffe000903 1388e94f00105be36161616161616161";
const UNREACHABLE = bytesOf(`01046bc400000000 ${QUOTED}`);
const TOO_BIG = bytesOf(`0200655000000578 ${QUOTED}`);
const TIME_EXCEEDED = bytesOf(`030069c800000000 ${QUOTED}`);
const PARAMETER_PROBLEM = bytesOf(`0401689f00000028 ${QUOTED}`);
const ERRORS = [UNREACHABLE, TOO_BIG, TIME_EXCEEDED, PARAMETER_PROBLEM];

function pseudoOf(bytes: Uint8Array): number {
  return pseudoHeaderSum(PAIR, 58, bytes.length);
}

function format(bytes: Uint8Array): string {
  return icmpv6.format(viewOf(bytes), 0, bytes.length);
}

describe("echo", () => {
  const view = viewOf(ECHO_REQUEST);

  it("reads", () => {
    expect(icmpv6.check(view, 0, 16)).toBe(Status.ok);
    expect(icmpv6.type(view, 0)).toBe(icmpv6.Icmpv6Type.echoRequest);
    expect(icmpv6.code(view, 0)).toBe(0);
    expect(icmpv6.checksum(view, 0)).toBe(0xd481);
    expect(icmpv6.identifier(view, 0)).toBe(25);
    expect(icmpv6.sequence(view, 0)).toBe(3);
    expect(icmpv6.isError(view, 0)).toBe(false);
    expect(icmpv6.payloadStart(view, 0, 16)).toBe(8);
    expect(icmpv6.payloadEnd(view, 0, 16)).toBe(16);
    expect(format(ECHO_REQUEST)).toBe("echo request id 25 seq 3");
    expect(format(ECHO_REPLY)).toBe("echo reply id 25 seq 3");
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(18);
    icmpv6.setType(built, 1, 128);
    icmpv6.setCode(built, 1, 0);
    icmpv6.setIdentifier(built, 1, 25);
    icmpv6.setSequence(built, 1, 3);
    for (let at = 9; at < 17; at++) built.setUint8(at, 0x62);
    icmpv6.fillChecksum(built, 1, 17, pseudoOf(ECHO_REQUEST));
    expect(hexOfView(built)).toBe(`a5${hexOf(ECHO_REQUEST)}a5`);
  });

  it("decodes and encodes to itself", () => {
    const decoded = icmpv6.decode(ECHO_REQUEST);
    const body = { message: "echoRequest", identifier: 25, sequence: 3 };
    expect(decoded).toEqual({ ok: true, value: { type: 128, code: 0, checksum: 0xd481, body } });
    if (!decoded.ok) return;
    const { body: same } = decoded.value;
    expect(icmpv6.encode({ body: same }, ECHO_REQUEST.subarray(8), { pseudo: PAIR })).toEqual(ECHO_REQUEST);
  });
});

describe("errors", () => {
  it("quote the packet they are about (RFC 4443 §3)", () => {
    for (const error of ERRORS) {
      const view = viewOf(error);
      expect(icmpv6.check(view, 0, error.length)).toBe(Status.ok);
      expect(icmpv6.isError(view, 0)).toBe(true);
      expect(icmpv6.quoteStart(view, 0)).toBe(8);
      expect(icmpv6.quoteEnd(view, 0, error.length)).toBe(64);
      expect(icmpv6.payloadStart(view, 0, error.length)).toBe(8);
      expect(view.getUint8(8)).toBe(0x60);
    }
  });

  it("read as a person would say it", () => {
    expect(ERRORS.map(format)).toEqual([
      "destination unreachable: port",
      "packet too big mtu 1400",
      "time exceeded: hop limit",
      "parameter problem: unknown next header at byte 40",
    ]);
    expect(format(UNREACHABLE.with(1, 99))).toBe("destination unreachable: code 99");
    expect(format(bytesOf("c8070000"))).toBe("type 200 code 7");
  });

  it("tell the MTU and where the mistake is", () => {
    expect(icmpv6.mtu(viewOf(TOO_BIG), 0)).toBe(1400);
    expect(icmpv6.pointer(viewOf(PARAMETER_PROBLEM), 0)).toBe(40);
    const bytes = TOO_BIG.slice();
    icmpv6.setMtu(viewOf(bytes), 0, 0xfffffffe);
    expect(icmpv6.mtu(viewOf(bytes), 0)).toBe(0xfffffffe);
    icmpv6.setPointer(viewOf(bytes), 0, 6);
    expect(icmpv6.pointer(viewOf(bytes), 0)).toBe(6);
  });

  it("say in units of eight bytes where the quoted packet ends, if extensions follow (RFC 4884 §4.4)", () => {
    for (const error of [UNREACHABLE, TIME_EXCEEDED]) {
      const bytes = error.with(4, 6);
      expect(icmpv6.quoteEnd(viewOf(bytes), 0, bytes.length)).toBe(8 + 48);
      expect(icmpv6.quoteEnd(viewOf(bytes.with(4, 200)), 0, bytes.length)).toBe(64);
    }
    expect(icmpv6.quoteEnd(viewOf(TOO_BIG.with(4, 6)), 0, 64)).toBe(64);
  });

  it("encode to themselves, the quoted packet as payload", () => {
    for (const error of ERRORS) {
      const decoded = icmpv6.decode(error);
      expect(decoded.ok).toBe(true);
      if (!decoded.ok) continue;
      const { code, body } = decoded.value;
      expect(icmpv6.encode({ code, body }, error.subarray(8), { pseudo: PAIR })).toEqual(error);
    }
  });
});

describe("check", () => {
  it("says how much is missing", () => {
    for (const message of [ECHO_REQUEST, ...ERRORS]) expectPrefixesRefused(icmpv6, message, 8);
    expect(icmpv6.decode(ECHO_REQUEST.subarray(0, 3))).toMatchObject({ error: { code: "truncated", required: 4 } });
    expect(icmpv6.decode(ECHO_REQUEST.subarray(0, 7))).toMatchObject({ error: { code: "truncated", required: 8 } });
  });

  it("hands over to neighbor discovery and listener discovery", () => {
    expect(icmpv6.check(viewOf(bytesOf("8700000000000000")), 0, 8)).toBe(Status.truncated);
    expect(icmpv6.decode(bytesOf("8700000000000000"))).toMatchObject({ error: { code: "truncated", required: 24 } });
    expect(icmpv6.decode(bytesOf("8500000000000000 0e00"))).toMatchObject({ error: { code: "badOption" } });
    expect(icmpv6.decode(bytesOf(`82000000${"00".repeat(21)}`))).toMatchObject({ error: { code: "badTotalLength" } });
    expect(icmpv6.decode(bytesOf("8f00000000000001"))).toMatchObject({ error: { code: "truncated", required: 28 } });
  });

  it("takes types it does not know: four bytes and payload", () => {
    const bytes = bytesOf("c8070000 aabb");
    expect(icmpv6.decode(bytes)).toEqual({
      ok: true,
      value: { type: 200, code: 7, checksum: 0, body: { message: "unknown" } },
    });
    expect(icmpv6.payloadStart(viewOf(bytes), 0, 6)).toBe(4);
  });
});

describe("checksum (RFC 4443 §2.3)", () => {
  it("is valid in a real packet, the pseudo-header's sum taken from it", () => {
    const view = viewOf(SOLICITATION);
    expect(icmpv6.verifyChecksum(view, 40, 56, pseudoHeader6(view, 8, 58, 16))).toBe(ChecksumStatus.valid);
  });

  it("is valid, invalid after a change, partial with the pseudo-header's sum", () => {
    const bytes = ECHO_REQUEST.slice();
    const status = (): ChecksumStatus => icmpv6.verifyChecksum(viewOf(bytes), 0, bytes.length, pseudoOf(bytes));
    expect(status()).toBe(ChecksumStatus.valid);
    bytes[9] = 0;
    expect(status()).toBe(ChecksumStatus.invalid);
    icmpv6.setChecksum(viewOf(bytes), 0, pseudoOf(bytes));
    expect(status()).toBe(ChecksumStatus.partial);
  });
});

describe("layout", () => {
  const { type, code, checksum, identifier, sequence, mtu, pointer } = icmpv6;

  it("agrees with the accessors", () => {
    expectLayoutAgrees(icmpv6.layout, { type, code, checksum });
    expectLayoutAgrees(icmpv6.layoutOf(129), { type, code, checksum, identifier, sequence });
    expectLayoutAgrees(icmpv6.layoutOf(2), { type, code, checksum, mtu });
    expectLayoutAgrees(icmpv6.layoutOf(4), { type, code, checksum, pointer });
    expect(icmpv6.layoutOf(200)).toEqual(icmpv6.layout);
    expect(icmpv6.layoutOf(135).map((row) => row.name)).toEqual(["type", "code", "checksum", "reserved", "target"]);
  });

  it("agrees with the setters", () => {
    expectSettersAgree(icmpv6.echoLayout, {
      type: icmpv6.setType,
      code: icmpv6.setCode,
      checksum: icmpv6.setChecksum,
      identifier: icmpv6.setIdentifier,
      sequence: icmpv6.setSequence,
    });
    expectSettersAgree(icmpv6.layoutOf(2), { mtu: icmpv6.setMtu });
    expectSettersAgree(icmpv6.layoutOf(4), { pointer: icmpv6.setPointer });
  });
});

const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const byte = fc.integer({ min: 0, max: 255 });

describe("laws", () => {
  const body: fc.Arbitrary<{ type: number; body: icmpv6.Icmpv6Body }> = fc.oneof(
    fc.record({
      type: fc.constant(1),
      body: fc.record({ message: fc.constant("destinationUnreachable" as const), unused: uint32 }),
    }),
    fc.record({
      type: fc.constant(2),
      body: fc.record({ message: fc.constant("packetTooBig" as const), mtu: uint32 }),
    }),
    fc.record({
      type: fc.constant(3),
      body: fc.record({ message: fc.constant("timeExceeded" as const), unused: uint32 }),
    }),
    fc.record({
      type: fc.constant(4),
      body: fc.record({ message: fc.constant("parameterProblem" as const), pointer: uint32 }),
    }),
    fc.record({
      type: fc.constant(129),
      body: fc.record({ message: fc.constant("echoReply" as const), identifier: uint16, sequence: uint16 }),
    }),
    fc.record({ type: fc.integer({ min: 144, max: 255 }), body: fc.constant({ message: "unknown" as const }) }),
  );
  const values = fc
    .tuple(body, byte, uint16)
    .map(([{ type, body }, code, checksum]): icmpv6.Icmpv6 => ({ type, code, checksum, body }));

  it("a plain value comes back from its encoding", () => {
    expectValuesSurvive(icmpv6, values);
  });

  it("bytes of any type come back from their plain value", () => {
    const likely = fc
      .tuple(
        fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 128, max: 143 }), byte),
        fc.array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 5), byte), { maxLength: 70 }),
      )
      .map(([type, rest]) => Uint8Array.from([type, ...rest]));
    expectBytesSurvive(icmpv6, likely);
  });
});

describe("encode", () => {
  it("takes the type from the body unless there is one", () => {
    const body = { message: "echoReply", identifier: 1, sequence: 2 } as const;
    expect(hexOf(icmpv6.encode({ body }))).toBe("8100000000010002");
    expect(hexOf(icmpv6.encode({ type: 130, body }))).toBe("8200000000010002");
  });

  it("refuses values that do not fit", () => {
    expect(() => icmpv6.encode({ body: { message: "unknown" } })).toThrow("expected one for an unknown message");
    expect(() => icmpv6.encode({ body: { message: "packetTooBig", mtu: 2 ** 32 } })).toThrow(
      "icmpv6 mtu is 4294967296",
    );
    expect(() => icmpv6.encode({ body: { message: "echoReply", identifier: 65536, sequence: 0 } })).toThrow(
      "icmpv6 identifier is 65536",
    );
    expect(() => icmpv6.encode({ code: 256, body: { message: "timeExceeded", unused: 0 } })).toThrow(RangeError);
  });
});
