/**
 * `iperf3` 3.12: a flow of so many bytes, packets or seconds from a client to a server, or back, and what became of it;
 * with the real one's control connection, so that a capture of it is one of iperf3's.
 *
 *     iperf3 -s [-1] [-p PORT] [-i SECONDS] [-f FORMAT]
 *     iperf3 -c HOST [-u] [-p PORT] [-t SECONDS | -n BYTES | -k PACKETS] [-b RATE] [-l LENGTH] [-R] [-N] [-S TOS]
 *
 * Not modelled: several streams (-P, --bidir), JSON output, the sizes of buffers, SCTP, authentication, omitted seconds.
 * How long a write takes is a stand-in: how fast a flow without a rate is says nothing about a machine.
 */
import { runClient } from "./iperf3-client.ts";
import { readOptions } from "./iperf3-options.ts";
import { runServer } from "./iperf3-server.ts";
import type { Program } from "./program.ts";

export const IPERF3: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    return yield* options.role === "server" ? runServer(options.server, context) : runClient(options.client, context);
  },
};
