/**
 * `ip xfrm`: shows a namespace's security associations and policies, and counts them. What changes them is the Docker
 * engine's business; not modelled: `add`, `delete`, `flush`, `monitor`.
 */
import { parseIpv4 } from "@hopscope/codec/address";
import { policyLines, stateLines } from "../inspect/print-xfrm.ts";
import type { XfrmState } from "../xfrm/state.ts";
import { type IpAction, type IpStyle, refused } from "./ip-action.ts";
import { UsageError } from "./program.ts";
import { expanded, readWords, refuseMore } from "./words.ts";

export function xfrmAction(object: string, [verb = "list", ...words]: readonly string[], style: IpStyle): IpAction {
  switch (expanded(object, ["state", "policy"])) {
    case "state":
      return stateAction(verb, words, style);
    case "policy":
      return policyAction(verb, words, style);
    default:
      throw new UsageError(`ip xfrm: "${object}" is not modelled; there are state and policy`);
  }
}

function stateAction(verb: string, words: readonly string[], { statistics }: IpStyle): IpAction {
  switch (expanded(verb, ["list", "show", "get", "count"])) {
    case "list":
    case "show": {
      const suits = selection(words, "ip xfrm state");
      return ({ environment, print }) => {
        const states = environment.netns.xfrm?.states.list ?? [];
        for (const line of stateLines(states.filter(suits), statistics)) print(line);
        return 0;
      };
    }
    case "get": {
      const suits = selection(words, "ip xfrm state get");
      return (context) => {
        const found = context.environment.netns.xfrm?.states.list.find(suits);
        if (found === undefined) return refused(context, "No such process");
        for (const line of stateLines([found], statistics)) context.print(line);
        return 0;
      };
    }
    case "count":
      return ({ environment, print }) => {
        const count = environment.netns.xfrm?.states.list.length ?? 0;
        print(`\t SAD count ${count}${statistics ? " (buckets count 8 Max 1048576)" : ""}`);
        return 0;
      };
    default:
      throw new UsageError(`ip xfrm state: "${verb}" is not modelled; there are list, get and count`);
  }
}

/** `src ADDR dst ADDR proto esp spi SPI reqid REQID mode transport`, any of them. */
function selection(words: readonly string[], command: string): (state: XfrmState) => boolean {
  const { values, rest } = readWords(words, command, { keywords: ["src", "dst", "proto", "spi", "reqid", "mode"] });
  refuseMore(rest, 0, command, "src, dst, proto, spi, reqid or mode");
  const address = (key: string): number | undefined => {
    const text = values.get(key);
    if (text === undefined) return undefined;
    const ip = parseIpv4(text);
    if (ip === undefined) throw new UsageError(`${command}: ${key} ${text}: expected an IPv4 address`);
    return ip;
  };
  const number = (key: string): number | undefined => {
    const text = values.get(key);
    return text === undefined ? undefined : Number(text);
  };
  const [srcIp, dstIp, spi, reqid] = [address("src"), address("dst"), number("spi"), number("reqid")];
  const isEsp = (values.get("proto") ?? "esp") === "esp" && (values.get("mode") ?? "transport") === "transport";
  return (state) =>
    isEsp &&
    (srcIp === undefined || state.srcIp === srcIp) &&
    (dstIp === undefined || state.dstIp === dstIp) &&
    (spi === undefined || state.spi === spi) &&
    (reqid === undefined || state.reqid === reqid);
}

function policyAction(verb: string, words: readonly string[], { statistics }: IpStyle): IpAction {
  switch (expanded(verb, ["list", "show", "count"])) {
    case "list":
    case "show":
      refuseMore(words, 0, "ip xfrm policy", "nothing more");
      return ({ environment, print }) => {
        for (const line of policyLines(environment.netns.xfrm?.policies.list ?? [], statistics)) print(line);
        return 0;
      };
    case "count":
      return ({ environment, print }) => {
        print(`\t SPD IN  0 OUT ${environment.netns.xfrm?.policies.list.length ?? 0} FWD 0`);
        return 0;
      };
    default:
      throw new UsageError(`ip xfrm policy: "${verb}" is not modelled; there are list and count`);
  }
}
