/** Two hosts' TCP against what a real one did: the same calls give the same segments, windows and acknowledgments. */
import { describe, expect, test } from "vitest";
import { Errno } from "../../src/errno.ts";
import { type TcpConnection, TcpState } from "../../src/host/socket.ts";
import { TcpListener } from "../../src/host/tcp-listener.ts";
import type { Netns } from "../../src/netns.ts";
import type { Process } from "../../src/program/process.ts";
import {
  B,
  type Hosts,
  lineOf,
  pass,
  recordedSegments,
  run,
  SECOND,
  type SeenSegment,
  segmentsAt,
  twoHosts,
} from "./two-hosts.ts";

const MICROSECOND = 1000;

export function listen(process: Process, netns: Netns, port: number): TcpListener {
  const listener = netns.tcp.listen(0, port);
  if (!(listener instanceof TcpListener)) throw new Error(`listen: ${listener}`);
  return process.own(listener);
}

function* accept(process: Process, listener: TcpListener): Generator<void, TcpConnection, boolean> {
  for (;;) {
    const connection = listener.accept();
    if (connection !== undefined) return process.own(connection);
    yield* process.poll();
  }
}

/** A web server that answers one request with a header, a pause, and 20 kB; it closes `closeNs` after that. */
function serve(hosts: Hosts, closeNs: number): void {
  run(hosts.b, function* (self) {
    const connection = yield* accept(self, listen(self, hosts.b, 80));
    while (connection.readableLength === 0) yield* self.poll();
    connection.read();
    yield* self.sleep(400 * MICROSECOND);
    connection.write(new Uint8Array(215));
    yield* self.sleep(100 * MICROSECOND);
    connection.write(new Uint8Array(20_000));
    yield* self.sleep(closeNs);
    self.close(connection);
    yield* self.sleep(10 * SECOND);
    return 0;
  });
}

/** Asks for it; reads when woken, and closes `closeNs` after the last byte. */
function ask(hosts: Hosts, readNs: number, closeNs: number): void {
  run(hosts.a, function* (self) {
    const socket = self.own(hosts.a.tcp.connect(B, 80));
    while (socket.state === TcpState.synSent) yield* self.poll();
    socket.write(new Uint8Array(78));
    let total = 0;
    while (total < 20_215) {
      yield* self.poll();
      yield* self.sleep(readNs);
      total += socket.read().length;
    }
    yield* self.sleep(closeNs);
    expect(socket.takeError()).toBe(Errno.none);
    return 0;
  });
}

const SERVER = "swarm-worker1.ctr-overlay_service.3.eth0";
const said = (segments: readonly SeenSegment[]): string[] =>
  segments.map((segment) => `${lineOf(segment)} win ${segment.window}`);
/** Differences of identifications of one side's segments: how they count up. */
const counted = (segments: readonly SeenSegment[], direction: string): number[] => {
  const ids = segments.filter((segment) => segment.direction === direction && segment.id !== 0).map(({ id }) => id);
  return ids.slice(1).map((id, index) => (id - ids[index]! + 0x10000) % 0x10000);
};

describe("20 kB over an overlay's MTU, at the server", () => {
  test("with offloads: super-frames of half a window, the client closes first", async () => {
    const hosts = twoHosts();
    hosts.recorder.start();
    serve(hosts, 250 * MICROSECOND);
    ask(hosts, 10 * MICROSECOND, 150 * MICROSECOND);
    pass(hosts, SECOND);
    const real = await recordedSegments("s03-http-overlay.pcapng.gz", SERVER);
    const simulated = segmentsAt(hosts.recorder, hosts.links[1]);
    expect(said(simulated)).toEqual(said(real));
    for (const way of ["in", "out"]) expect(counted(simulated, way)).toEqual(counted(real, way));
  });

  test("without: each segment is a frame, and is acknowledged; the server closes first", async () => {
    const hosts = twoHosts();
    for (const link of hosts.links) link.setOffloads({ tx: false, tso: false, gso: false, gro: false });
    hosts.recorder.start();
    serve(hosts, 0);
    ask(hosts, 10 * MICROSECOND, 4000 * MICROSECOND);
    pass(hosts, SECOND);
    const real = await recordedSegments("s03b-http-overlay-nooffload.pcapng.gz", SERVER);
    const simulated = segmentsAt(hosts.recorder, hosts.links[1]);
    // How much memory the segments take, and so the windows, depends on the driver that received them.
    expect(simulated.map(lineOf)).toEqual(real.map(lineOf));
    for (const way of ["in", "out"]) expect(counted(simulated, way)).toEqual(counted(real, way));
  });
});
