/**
 * Every header once more, as a binary-parser description written from its standard and not from the codec's code.
 * Names are those of the codec's accessors, so that the two can be laid side by side; `_` is what has none. (With an
 * empty name the parser would lose all that it has read.)
 */
import { Parser } from "binary-parser";

const asNumber = (bytes: readonly number[]): number => bytes.reduce((value, byte) => value * 256 + byte, 0);

/** Six bytes as one number. */
const mac = { type: "uint8", length: 6, formatter: asNumber } as const;
/** Sixteen bytes. */
const address = { type: "uint8", length: 16 } as const;

const big = (): Parser => new Parser().endianness("big");

/** IEEE 802.3 §3.2. */
export const ethernet: Parser = big().array("dstMac", mac).array("srcMac", mac).uint16("etherType");

/** IEEE 802.1Q §9.6, and the type that follows. */
export const vlan: Parser = big().bit3("pcp").bit1("dei").bit12("vid").uint16("etherType");

/** IEEE 802.2 §3.2, without the second control byte. */
export const llc: Parser = big().uint8("dsap").uint8("ssap").uint8("control");

/** RFC 1042, "Header Format". */
export const llcSnap: Parser = big().uint16("_").uint8("_").bit24("oui").uint16("protocolId");

/** RFC 826 with the lengths of Ethernet and IPv4. */
export const arp: Parser = big()
  .uint16("hardwareType")
  .uint16("protocolType")
  .uint8("hardwareLength")
  .uint8("protocolLength")
  .uint16("operation")
  .array("senderMac", mac)
  .int32("senderIp")
  .array("targetMac", mac)
  .int32("targetIp");

/** RFC 791 §3.1. */
export const ipv4: Parser = big()
  .bit4("version")
  .bit4("ihl")
  .uint8("tos")
  .uint16("totalLength")
  .uint16("identification")
  .bit1("reservedFlag")
  .bit1("dontFragment")
  .bit1("moreFragments")
  .bit13("fragmentOffsetUnits")
  .uint8("ttl")
  .uint8("protocol")
  .uint16("headerChecksum")
  .int32("srcIp")
  .int32("dstIp");

/** RFC 8200 §3. */
export const ipv6: Parser = big()
  .bit4("version")
  .bit8("trafficClass")
  .bit20("flowLabel")
  .uint16("payloadLength")
  .uint8("nextHeader")
  .uint8("hopLimit")
  .array("srcIp", address)
  .array("dstIp", address);

/** RFC 8200 §4.3 to §4.6: what all but the fragment header begin with. */
export const extension: Parser = big().uint8("nextHeader").uint8("headerExtensionLength");

/** RFC 8200 §4.4. */
export const routing: Parser = big()
  .uint8("nextHeader")
  .uint8("headerExtensionLength")
  .uint8("routingType")
  .uint8("segmentsLeft");

/** RFC 8200 §4.5. */
export const fragment: Parser = big()
  .uint8("nextHeader")
  .uint8("_")
  .bit13("fragmentOffsetUnits")
  .bit2("_")
  .bit1("moreFragments")
  .uint32("identification");

/** RFC 768. */
export const udp: Parser = big().uint16("srcPort").uint16("dstPort").uint16("length").uint16("checksum");

/** RFC 9293 §3.1; the last reserved bit is RFC 3540's and then RFC 9768's. */
export const tcp: Parser = big()
  .uint16("srcPort")
  .uint16("dstPort")
  .uint32("sequence")
  .uint32("acknowledgment")
  .bit4("dataOffset")
  .bit3("reserved")
  .bit9("flags")
  .uint16("window")
  .uint16("checksum")
  .uint16("urgentPointer");

/** RFC 9260 §3.1. */
export const sctp: Parser = big().uint16("srcPort").uint16("dstPort").uint32("verificationTag").uint32("checksum");

/** RFC 792: what all messages begin with, and the word whose meaning depends on the type. */
export const icmp: Parser = big().uint8("type").uint8("code").uint16("checksum").uint32("rest");

/** RFC 792, "Echo or Echo Reply Message". */
export const icmpEcho: Parser = big().uint32("_").uint16("identifier").uint16("sequence");

/** RFC 792 with RFC 1191 §4 and RFC 4884 §4.1. */
export const icmpUnreachable: Parser = big().uint32("_").uint8("unused").uint8("quoteWords").uint16("nextHopMtu");

/** RFC 792, "Redirect Message". */
export const icmpRedirect: Parser = big().uint32("_").int32("gateway");

/** RFC 792 with RFC 4884 §4.2. */
export const icmpTimeExceeded: Parser = big().uint32("_").uint8("unused").uint8("quoteWords").uint16("unusedLow");

/** RFC 792 with RFC 4884 §4.3. */
export const icmpParameterProblem: Parser = big().uint32("_").uint8("pointer").uint8("quoteWords").uint16("unusedLow");

/** RFC 792, "Timestamp or Timestamp Reply Message". */
export const icmpTimestamp: Parser = big()
  .uint32("_")
  .uint16("identifier")
  .uint16("sequence")
  .uint32("originateTimestamp")
  .uint32("receiveTimestamp")
  .uint32("transmitTimestamp");

/** RFC 4443 §2.1. */
export const icmpv6: Parser = big().uint8("type").uint8("code").uint16("checksum");

/** RFC 4443 §3.2. */
export const icmpv6TooBig: Parser = big().uint32("_").uint32("mtu");

/** RFC 4443 §3.4. */
export const icmpv6ParameterProblem: Parser = big().uint32("_").uint32("pointer");

/** RFC 4443 §4.1. */
export const icmpv6Echo: Parser = big().uint32("_").uint16("identifier").uint16("sequence");

/** RFC 4861 §4.1. */
export const routerSolicitation: Parser = big().uint32("_").uint32("reserved");

/** RFC 4861 §4.2. */
export const routerAdvertisement: Parser = big()
  .uint32("_")
  .uint8("currentHopLimit")
  .uint8("routerFlags")
  .uint16("routerLifetime")
  .uint32("reachableTime")
  .uint32("retransmissionTimer");

/** RFC 4861 §4.3. */
export const neighborSolicitation: Parser = big().uint32("_").uint32("reserved").array("target", address);

/** RFC 4861 §4.4. */
export const neighborAdvertisement: Parser = big()
  .uint32("_")
  .uint8("neighborFlags")
  .bit24("_")
  .array("target", address);

/** RFC 4861 §4.5. */
export const neighborRedirect: Parser = big()
  .uint32("_")
  .uint32("reserved")
  .array("target", address)
  .array("destination", address);

/** RFC 2710 §3; RFC 3810's query begins like it. */
export const mld: Parser = big().uint32("_").uint16("maximumResponse").uint16("_").array("group", address);

/** RFC 3810 §5.2, without the records. */
export const mldReportV2: Parser = big().uint32("_").uint16("_").uint16("recordCount");

/** RFC 2236 §2; RFC 3376's messages begin like it. */
export const igmp: Parser = big().uint8("type").uint8("maxResponseCode").uint16("checksum");

/** RFC 2236 §2, and RFC 3376 §4.1. */
export const igmpGroup: Parser = big().uint32("_").int32("group");

/** IPv4 addresses, as many as the field in front of them says. */
const sources = { type: "int32be", length: "numberOfSources" } as const;

/** RFC 3376 §4.1. */
export const igmpQueryV3: Parser = big()
  .uint32("_")
  .uint32("_")
  .bit4("reserved")
  .bit1("suppress")
  .bit3("robustness")
  .uint8("intervalCode")
  .uint16("numberOfSources")
  .array("sources", sources);

/** RFC 3376 §4.2.4. */
const igmpRecord: Parser = big()
  .uint8("recordType")
  .uint8("auxiliaryWords")
  .uint16("numberOfSources")
  .int32("group")
  .array("sources", sources)
  .array("auxiliary", {
    type: "uint8",
    length(): number {
      return this["auxiliaryWords"]! * 4;
    },
  });

/** RFC 3376 §4.2. */
export const igmpReportV3: Parser = big()
  .uint32("_")
  .uint16("reportReserved")
  .uint16("numberOfRecords")
  .array("records", { type: igmpRecord, length: "numberOfRecords" });

/** RFC 7348 §5, whose first reserved field is read in parts. */
export const vxlan: Parser = big().uint8("flags").uint8("reserved1").uint16("_").bit24("vni").uint8("reserved2");

/** draft-smith-vxlan-group-policy, section 2.1. */
export const vxlanGroupPolicy: Parser = big()
  .bit9("_")
  .bit1("dontLearn")
  .bit2("_")
  .bit1("policyApplied")
  .bit3("_")
  .uint16("groupPolicyId");

/** RFC 1035 §4.1.1 with RFC 4035 §3.2. */
export const dns: Parser = big()
  .uint16("id")
  .bit1("response")
  .bit4("opcode")
  .bit1("authoritative")
  .bit1("truncated")
  .bit1("recursionDesired")
  .bit1("recursionAvailable")
  .bit1("reserved")
  .bit1("authenticData")
  .bit1("checkingDisabled")
  .bit4("rcode")
  .uint16("questionCount")
  .uint16("answerCount")
  .uint16("authorityCount")
  .uint16("additionalCount");

/** RFC 4303 §2. */
export const esp: Parser = big().uint32("spi").uint32("sequence");

/** tcpdump.org, LINKTYPE_LINUX_SLL. */
export const linuxSll: Parser = big()
  .uint16("packetType")
  .uint16("hardwareType")
  .uint16("addressLength")
  .array("srcMac", mac)
  .uint16("addressRest")
  .uint16("protocol");

/** tcpdump.org, LINKTYPE_LINUX_SLL2. */
export const linuxSll2: Parser = big()
  .uint16("protocol")
  .uint16("reserved")
  .uint32("interfaceIndex")
  .uint16("hardwareType")
  .uint8("packetType")
  .uint8("addressLength")
  .array("srcMac", mac)
  .uint16("addressRest");

/** tcpdump.org, LINKTYPE_NULL as a big-endian machine writes it, and LINKTYPE_LOOP. */
export const nullBig: Parser = big().uint32("family");

/** tcpdump.org, LINKTYPE_NULL as a little-endian machine writes it. */
export const nullLittle: Parser = new Parser().endianness("little").uint32("family");
