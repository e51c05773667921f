/** States of TCP as IPVS sees them: what a connection goes through, and how long it is kept in each. */
import { describe, expect, test } from "vitest";
import { IpVsConn } from "../../src/ipvs/conn.ts";
import { IpVsDest } from "../../src/ipvs/dest.ts";
import { followTcp, TCP_TIMEOUTS, tcpStateName } from "../../src/ipvs/proto-tcp.ts";
import { IpVsService } from "../../src/ipvs/service.ts";

const F = 1;
const S = 2;
const R = 4;
const A = 16;

function connection(forwarding: "masq" | "droute" = "masq"): IpVsConn {
  const service = new IpVsService({ fwmark: 1 }, "rr");
  const dest = new IpVsDest(service, { ip: 1, port: 0, weight: 1, forwarding });
  return new IpVsConn(6, 2, 40_000, 3, 80, dest, false);
}

/** `> S`: a request with SYN; `< SA`: an answer. The states, each with active and inactive connections of the server. */
function states(conn: IpVsConn, segments: string): string[] {
  return segments.split(", ").map((segment) => {
    const [direction, letters = ""] = segment.split(" ");
    const flags = Array.from(letters).reduce((bits, letter) => bits | { F, S, R, A }[letter]!, 0);
    followTcp(conn, direction === "<", flags);
    const { activeConnections, inactiveConnections } = conn.dest;
    return `${tcpStateName(conn.state)} ${activeConnections}/${inactiveConnections}`;
  });
}

describe("a connection", () => {
  test("is established by the client's acknowledgment, and waits two minutes when both have closed", () => {
    expect(states(connection(), "> S, < SA, > A, > A, < A, > FA, < FA, > A")).toEqual([
      "SYN_RECV 1/0",
      "SYN_RECV 1/0",
      "ESTABLISHED 1/0",
      "ESTABLISHED 1/0",
      "ESTABLISHED 1/0",
      "CLOSE_WAIT 0/1",
      "TIME_WAIT 0/1",
      "TIME_WAIT 0/1",
    ]);
  });

  test("that the server closes first", () => {
    expect(states(connection(), "> S, < SA, > A, < FA, > A, > FA, < A").slice(3)).toEqual([
      "FIN_WAIT 0/1",
      "FIN_WAIT 0/1",
      "TIME_WAIT 0/1",
      "TIME_WAIT 0/1",
    ]);
  });

  test("that is reset, by either side, or refused", () => {
    expect(states(connection(), "> S, < SA, > A, > R").at(-1)).toBe("CLOSE 0/1");
    expect(states(connection(), "> S, < SA, > A, < R").at(-1)).toBe("CLOSE 0/1");
    expect(states(connection(), "> S, < RA").at(-1)).toBe("CLOSE 0/1");
    // A reset by the client before it has answered does not end it.
    expect(states(connection(), "> S, < SA, > R").at(-1)).toBe("SYN_RECV 1/0");
  });

  test("begins anew with a SYN when it is over", () => {
    expect(states(connection(), "> S, < SA, > A, > FA, < FA, > A, > S").at(-1)).toBe("SYN_RECV 1/0");
  });

  test("of which only requests are seen", () => {
    expect(states(connection("droute"), "> S, > A, > FA, > A")).toEqual([
      "SYN_RECV 1/0",
      "ESTABLISHED 1/0",
      "FIN_WAIT 0/1",
      "FIN_WAIT 0/1",
    ]);
  });

  test("without any flag is closed", () => {
    expect(states(connection(), "> S, < SA, > A, > ")).toContain("CLOSE 0/1");
  });
});

test("each state has its time", () => {
  const times = TCP_TIMEOUTS.map((seconds, state) => `${tcpStateName(state)} ${seconds}`);
  expect(times).toEqual([
    "NONE 2",
    "ESTABLISHED 900",
    "SYN_SENT 120",
    "SYN_RECV 60",
    "FIN_WAIT 120",
    "TIME_WAIT 120",
    "CLOSE 10",
    "CLOSE_WAIT 60",
    "LAST_ACK 30",
    "LISTEN 120",
    "SYNACK 120",
  ]);
});
