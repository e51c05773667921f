/**
 * `ip`: iproute2's, and busybox' where a place has that. A container's busybox takes every verb that iproute2 has.
 *
 * Not modelled: objects other than address, link, route, neighbor, rule and xfrm; `-n`, `-b`.
 */
import { addressAction } from "./ip-address.ts";
import { type IpAction, type IpStyle } from "./ip-action.ts";
import { linkAction } from "./ip-link.ts";
import { neighborAction } from "./ip-neighbor.ts";
import { routeAction } from "./ip-route.ts";
import { xfrmAction } from "./ip-xfrm.ts";
import { type Program, UsageError } from "./program.ts";
import { expanded } from "./words.ts";

/** In the order in which iproute2 tries them (ip.c, cmds): what is short for several is the first. */
const OBJECTS: Readonly<Record<string, (verb: string, words: readonly string[], style: IpStyle) => IpAction>> = {
  address: addressAction,
  route: routeAction,
  rule: ruleAction,
  neighbor: neighborAction,
  neighbour: neighborAction,
  link: linkAction,
  xfrm: xfrmAction,
};

export const IP: Program = {
  check(argv) {
    actionOf(argv);
  },
  *main(argv, context) {
    return actionOf(argv)(context);
  },
};

function actionOf(argv: readonly string[]): IpAction {
  const style = {
    json: false,
    details: false,
    statistics: false,
    brief: false,
    oneLine: false,
    family: undefined as "inet" | "inet6" | undefined,
  };
  let at = 1;
  for (; argv[at]?.startsWith("-") === true; at++) {
    switch (argv[at]) {
      case "-j":
      case "-json":
        style.json = true;
        break;
      case "-d":
      case "-details":
        style.details = true;
        break;
      case "-s":
      case "-stats":
      case "-statistics":
        style.statistics = true;
        break;
      case "-br":
      case "-brief":
        style.brief = true;
        break;
      case "-o":
      case "-oneline":
        style.oneLine = true;
        break;
      case "-4":
        style.family = "inet";
        break;
      case "-6":
        style.family = "inet6";
        break;
      // Colors and names instead of numbers: there is no terminal, and there are no names.
      case "-c":
      case "-p":
      case "-N":
        break;
      default:
        throw new UsageError(`ip: option ${argv[at]} is not modelled; there are -4 -6 -br -d -j -o -s`);
    }
  }
  const [word = "", ...rest] = argv.slice(at);
  const object = expanded(word, Object.keys(OBJECTS));
  if (object === undefined) {
    throw new UsageError(`ip: object "${word}" is not modelled; there are address, link, route, neigh, rule and xfrm`);
  }
  const [verb = "show", ...words] = rest;
  const isShown = /^(?:sh|l)/.test(verb) && (object === "address" || object === "route");
  if (style.family === "inet6" && !isShown) {
    throw new UsageError("ip -6: only addr show and route show are modelled: there is ::1, and nothing else");
  }
  // `ip addr eth0` has no verb.
  return OBJECTS[object]!(verb, words, style);
}

function ruleAction(verb: string, words: readonly string[], { json }: IpStyle): IpAction {
  if (!["show", "list", "ls", "lst"].includes(verb) || words.length > 0) {
    throw new UsageError("ip rule: only show is modelled: the kernel's own three rules");
  }
  const rules = [
    { priority: 0, src: "all", table: "local" },
    { priority: 32_766, src: "all", table: "main" },
    { priority: 32_767, src: "all", table: "default" },
  ];
  return ({ print }) => {
    if (json) print(JSON.stringify(rules));
    else for (const { priority, src, table } of rules) print(`${priority}:\tfrom ${src} lookup ${table}`);
    return 0;
  };
}
