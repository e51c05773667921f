/**
 * `docker-proxy`: the process that carries connections to a published port which no rule has translated: from the node
 * itself by 127.0.0.1, or by ::1 to one that listens there, and from containers of the same bridge (moby cmd/docker-proxy: tcp_proxy.go, udp_proxy.go;
 * recordings s07, s08 and q6).
 *
 * Not modelled: SCTP.
 */
import { Errno, strerror } from "../errno.ts";
import { isIpv6, parseIp } from "../host/ipv6-address.ts";
import { TcpListener } from "../host/tcp-listener.ts";
import type { TcpSocket } from "../host/tcp-socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import { portOption } from "./getopt.ts";
import { Process } from "./process.ts";
import { type Environment, type Program, type ProgramContext, UsageError } from "./program.ts";
import { accept, connectTo, readSome, writeAll } from "./stream.ts";

/** Pauses, as in recordings: until a goroutine has taken up a connection, and what has come on one. */
const DIAL = 150_000;
const COPY = 40_000;
const CLOSE = 60_000;
const BUFFER = 32 * 1024;
/** Go's keep-alive. */
const KEEPALIVE = [15, 15, 9] as const;
/** UDPConnTrackTimeout */
const UDP_TIMEOUT = 90_000_000_000;

interface Options {
  readonly protocol: "tcp" | "udp";
  readonly hostIp: number;
  readonly hostPort: number;
  readonly containerIp: number;
  readonly containerPort: number;
}

export const DOCKER_PROXY: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    return yield* options.protocol === "tcp" ? proxyTcp(options, context) : proxyUdp(options, context);
  },
};

function readOptions(argv: readonly string[]): Options {
  const given = new Map<string, string>();
  const words = argv.slice(1);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "-use-listen-fd") continue;
    if (!word.startsWith("-")) throw new UsageError(`docker-proxy: "${word}" is not understood`);
    given.set(word, words.shift() ?? "");
  }
  const address = (name: string): number => {
    const ip = parseIp(given.get(name) ?? "");
    if (ip === undefined) throw new UsageError(`docker-proxy: ${name} is no address`);
    return ip;
  };
  const protocol = given.get("-proto") ?? "tcp";
  if (protocol !== "tcp" && protocol !== "udp") throw new UsageError(`docker-proxy: ${protocol} is not modelled`);
  return {
    protocol,
    hostIp: address("-host-ip"),
    hostPort: portOption("docker-proxy", given.get("-host-port") ?? ""),
    containerIp: address("-container-ip"),
    containerPort: portOption("docker-proxy", given.get("-container-port") ?? ""),
  };
}

function* proxyTcp(
  options: Options,
  { environment, process, print }: ProgramContext,
): Generator<void, number, boolean> {
  const listener = environment.netns.tcp.listen(
    options.hostIp,
    options.hostPort,
    4096,
    undefined,
    isIpv6(options.hostIp),
  );
  if (!(listener instanceof TcpListener)) {
    print(`docker-proxy: listen: ${strerror(listener)}`);
    return 1;
  }
  process.own(listener);
  for (;;) {
    const client = yield* accept(process, listener);
    process.disown(client);
    // A goroutine: it lives as long as the process, and closes what it has.
    const goroutine = new Process(environment);
    goroutine.own(client);
    goroutine.start(clientLoop(goroutine, environment, client, options));
  }
}

/** TCPProxy.clientLoop */
function* clientLoop(
  process: Process,
  environment: Environment,
  client: TcpSocket,
  { containerIp, containerPort }: Options,
): Generator<void, number, boolean> {
  setUp(client);
  yield* process.think("docker-proxy.dial", DIAL);
  const backend = yield* connectTo(process, containerIp, containerPort);
  if (typeof backend === "number") return 1;
  setUp(backend);
  const brokers = [new Process(environment), new Process(environment)] as const;
  // Each reads one socket and writes the other.
  const wakeUp = (): void => {
    for (const each of brokers) each.wakeUp();
  };
  client.waiter = { wakeUp };
  backend.waiter = { wakeUp };
  brokers[0].start(copy(brokers[0], client, backend));
  brokers[1].start(copy(brokers[1], backend, client));
  for (const each of brokers) yield* process.waitFor(each);
  return 0;
}

function setUp(socket: TcpSocket): void {
  socket.setNoDelay();
  socket.setKeepAlive(...KEEPALIVE);
}

/** A goroutine that copies one way, until there is nothing more; then it says so on the other side. */
function* copy(process: Process, to: TcpSocket, from: TcpSocket): Generator<void, number, boolean> {
  for (;;) {
    while (from.readableLength === 0 && !from.isAtEnd) yield* process.poll();
    if (from.readableLength > 0) yield* process.think("docker-proxy.copy", COPY);
    const read = yield* readSome(process, from, BUFFER);
    if (!(read instanceof Uint8Array) || !(yield* writeAll(process, to, read))) break;
  }
  yield* process.think("docker-proxy.close", CLOSE);
  to.shutdown();
  return 0;
}

/** UDPProxy.Run: for each client a socket of its own to the container, until nothing has come for 90 seconds. */
function* proxyUdp(
  options: Options,
  { environment, process, print }: ProgramContext,
): Generator<void, number, boolean> {
  const socket = process.own(environment.netns.udp.socket());
  socket.isIpv6Only = isIpv6(options.hostIp);
  const error = socket.bind(options.hostIp, options.hostPort);
  if (error !== Errno.none) {
    print(`docker-proxy: listen: ${strerror(error)}`);
    return 1;
  }
  const backends = new Map<string, UdpSocket>();
  for (;;) {
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      const { ip, port } = datagram;
      const key = `${ip}:${port}`;
      let backend = backends.get(key);
      if (backend === undefined) {
        backend = environment.netns.udp.socket();
        if (backend.connect(options.containerIp, options.containerPort) !== Errno.none) continue;
        backends.set(key, backend);
        const goroutine = new Process(environment, undefined, () => backends.delete(key));
        goroutine.own(backend);
        goroutine.start(replyLoop(goroutine, socket, backend, ip, port));
      }
      yield* process.think("docker-proxy.copy", COPY);
      backend.send(datagram.bytes);
    }
    yield* process.poll();
  }
}

function* replyLoop(
  process: Process,
  socket: UdpSocket,
  backend: UdpSocket,
  ip: number,
  port: number,
): Generator<void, number, boolean> {
  while (yield* process.poll(process.softnet.now + UDP_TIMEOUT)) {
    for (let datagram = backend.receive(); datagram !== undefined; datagram = backend.receive()) {
      yield* process.think("docker-proxy.copy", COPY);
      socket.sendTo(datagram.bytes, ip, port);
    }
  }
  return 0;
}
