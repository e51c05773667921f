/** Arbitrary pcapng blocks with every kind of option, for fast-check. */
import * as fc from "fast-check";
import type { NameRecord } from "../src/name-records.ts";
import type { Block } from "../src/pcapng-blocks.ts";
import type {
  CommonOptions,
  InterfaceOptions,
  NameOptions,
  PacketOptions,
  SectionOptions,
  StatisticsOptions,
} from "../src/pcapng-options.ts";

/** Text as a file keeps it: UTF-8 without a zero byte. */
export const texts = (): fc.Arbitrary<string> =>
  fc.string({ unit: "grapheme", maxLength: 20 }).filter((value) => !value.includes("\0"));
const bytes = (maxLength = 20): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const exactly = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const u8 = (): fc.Arbitrary<number> => fc.nat({ max: 255 });
const u16 = (): fc.Arbitrary<number> => fc.nat({ max: 65_535 });
const u32 = (): fc.Arbitrary<number> => fc.nat({ max: 0xffffffff });
const i32 = (): fc.Arbitrary<number> => fc.integer();
const mac = (): fc.Arbitrary<number> => fc.nat({ max: 2 ** 48 - 1 });
/** Numbers below 2^53 and bigints above, as the decoder answers them. */
const u64 = (): fc.Arbitrary<number | bigint> =>
  fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }));
const i64 = (): fc.Arbitrary<number | bigint> =>
  fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }));
const ticks = () => fc.record({ high: u32(), low: u32() });

/** Any of the properties, in any combination; lists are not empty, because an empty one leaves no trace. */
function some<T>(model: { [Key in keyof T]-?: fc.Arbitrary<NonNullable<T[Key]>> }): fc.Arbitrary<T> {
  return fc.record(model as never, { requiredKeys: [] }) as fc.Arbitrary<T>;
}
const listOf = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: 1, maxLength: 3 });

const custom = () =>
  fc.oneof(
    fc.record({ code: fc.constantFrom(2988, 19372), enterprise: u32(), value: texts() }),
    fc.record({ code: fc.constantFrom(2989, 19373), enterprise: u32(), value: bytes() }),
  );
/** Numbers that no table has. */
const unknown = () => fc.record({ code: fc.nat({ max: 0x7fff }).map((code) => code | 0x8000), value: bytes() });
const common = () => ({ comments: listOf(texts()), custom: listOf(custom()), unknown: listOf(unknown()) });

export const sectionOptions = (): fc.Arbitrary<SectionOptions> =>
  some({ ...common(), hardware: texts(), os: texts(), application: texts() } as never);

export const interfaceOptions = (): fc.Arbitrary<InterfaceOptions> =>
  some({
    ...common(),
    name: texts(),
    description: texts(),
    ipv4: listOf(fc.record({ address: i32(), mask: i32() })),
    ipv6: listOf(fc.record({ address: exactly(16), prefixLength: u8() })),
    mac: mac(),
    eui64: exactly(8),
    speed: u64(),
    timestampResolution: u8(),
    timeZone: u32(),
    filter: fc.oneof(
      fc.record({ code: fc.constant(0), value: texts() }),
      fc.record({ code: fc.integer({ min: 1, max: 255 }), value: bytes() }),
    ),
    os: texts(),
    fcsLength: u8(),
    timestampOffset: i64(),
    hardware: texts(),
    txSpeed: u64(),
    rxSpeed: u64(),
    timeZoneName: texts(),
  } as never);

export const packetOptions = (): fc.Arbitrary<PacketOptions> =>
  some({
    ...common(),
    flags: u32(),
    hashes: listOf(fc.record({ algorithm: u8(), value: bytes() })),
    dropCount: u64(),
    packetId: u64(),
    queue: u32(),
    verdicts: listOf(
      fc.oneof(
        fc.record({ kind: fc.constantFrom(1, 2), value: u64() }),
        fc.record({ kind: fc.constantFrom(0, 3, 255), value: bytes() }),
      ),
    ),
    process: fc.record({ processId: u32(), threadId: u32() }),
  } as never);

export const nameOptions = (): fc.Arbitrary<NameOptions> =>
  some({ ...common(), dnsName: texts(), dnsIpv4: i32(), dnsIpv6: exactly(16) } as never);

export const statisticsOptions = (): fc.Arbitrary<StatisticsOptions> =>
  some({
    ...common(),
    startTime: ticks(),
    endTime: ticks(),
    received: u64(),
    dropped: u64(),
    filterAccepted: u64(),
    osDropped: u64(),
    delivered: u64(),
  } as never);

export const commonOptions = (): fc.Arbitrary<CommonOptions> => some(common() as never);

const nameRecords = (): fc.Arbitrary<NameRecord> => {
  const names = fc.array(texts(), { maxLength: 3 });
  return fc.oneof(
    fc.record({ kind: fc.constant("ipv4" as const), address: i32(), names }),
    fc.record({ kind: fc.constant("ipv6" as const), address: exactly(16), names }),
    fc.record({ kind: fc.constant("eui48" as const), address: mac(), names }),
    fc.record({ kind: fc.constant("eui64" as const), address: exactly(8), names }),
    fc.record({ kind: fc.constant("unknown" as const), code: fc.integer({ min: 5, max: 65_535 }), value: bytes() }),
  );
};

/** Data whose length is a multiple of four, for fields that do not say where padding starts. */
const words = (): fc.Arbitrary<Uint8Array> => bytes(8).map((value) => value.subarray(0, value.length & ~3).slice());

/** Any block but a section header. Packets and statistics may name interfaces that do not exist. */
export const blocks = (): fc.Arbitrary<Block> =>
  fc.oneof(
    fc.record({
      kind: fc.constant("interface" as const),
      linkType: u16(),
      snapLength: u32(),
      options: interfaceOptions(),
    }),
    fc.record({
      kind: fc.constant("enhancedPacket" as const),
      interfaceId: u32(),
      time: ticks(),
      wireLength: u32(),
      data: bytes(70),
      options: packetOptions(),
    }),
    fc.record({
      kind: fc.constant("packet" as const),
      interfaceId: u16(),
      dropCount: fc.option(fc.nat({ max: 0xfffe }), { nil: undefined }),
      time: ticks(),
      wireLength: u32(),
      data: bytes(70),
      options: packetOptions(),
    }),
    bytes(70).map((data): Block => ({ kind: "simplePacket", wireLength: data.length, data })),
    fc.record({ kind: fc.constant("names" as const), records: fc.array(nameRecords()), options: nameOptions() }),
    fc.record({
      kind: fc.constant("statistics" as const),
      interfaceId: u32(),
      time: ticks(),
      options: statisticsOptions(),
    }),
    fc.record({
      kind: fc.constant("secrets" as const),
      secretsType: u32(),
      data: bytes(50),
      options: commonOptions(),
    }),
    fc.record({ kind: fc.constant("custom" as const), enterprise: u32(), copyable: fc.boolean(), data: words() }),
    fc.record({
      kind: fc.constant("unknown" as const),
      type: fc.integer({ min: 0x100, max: 0xbac }),
      body: words(),
    }),
  );

export const sections = (): fc.Arbitrary<Block> =>
  fc.record({
    kind: fc.constant("section" as const),
    littleEndian: fc.boolean(),
    versionMajor: fc.constant(1),
    versionMinor: fc.constantFrom(0, 2),
    sectionLength: fc.option(fc.bigInt({ min: 0n, max: 2n ** 62n }), { nil: undefined }),
    options: sectionOptions(),
  });
