/** What the reference page says of the commands of a run. Their grammar is in steps.ts, replay-line.ts and fault-line.ts. */
import { DockerCost } from "../costs.ts";
import { programReference } from "./program-reference.ts";

type Row = readonly [command: string, meaning: string];

const COMMANDS: readonly Row[] = [
  [
    "exec TASK COMMAND …",
    "The command runs in the task or container, as with `docker exec`; `docker exec -it TASK …` may be written, too. `-d` leaves it in the background.",
  ],
  [
    "on MACHINE COMMAND …",
    "A shell on a node, or on a machine beside the swarm: `on ext curl -s http://192.168.77.12:8080/`.",
  ],
  [
    "docker …",
    "Docker's client on the first manager; `on NODE docker …` on another node. Later commands may name what it makes.",
  ],
  [
    "netns NODE NAMESPACE COMMAND …",
    "The node's own programs in a namespace of it (`nsenter --net`): `overlay-NET`, `lb-NET`, `ingress_sbox`, `host`, a task or container.",
  ],
  [
    "inspect NODE/NAMESPACE COMMAND …",
    "Prints what the command prints, but takes no time and changes nothing: `inspect manager/overlay-front bridge fdb`. Without a namespace it is the node's own.",
  ],
  ["sleep DURATION", "Time passes: `500ms`, `6.5s`; a plain number is seconds, as for sleep(1)."],
  [
    "pace NAME DURATION",
    "How long programs pause from now on where chance decides in reality: `pace nslookup.second 1ms` asks for AAAA when A is answered, `0us` at once.",
  ],
  ["pace usual", "From now on programs pause as long as they usually do."],
  ["wait", "Until everything in the background has ended."],
  [
    "replay FILE at NODE/NAMESPACE/DEVICE …",
    "Feeds the frames of a pcap or pcapng file in at a device, in their order and with their distances. See below.",
  ],
  ["fault …", "Something goes wrong on purpose, from now on. See below."],
];

const REPLAY: readonly Row[] = [
  ["as out", "As if the namespace had sent the frames by that device. The default."],
  ["as in", "As if they had arrived on it."],
  ["from INTERFACE", "Only the frames of that interface of a pcapng file."],
  ["only in", "Only frames that the file says arrived; `only out`: that were sent."],
  ["speed 2", "Twice as fast; `speed 0.5`: half."],
  ["at-once", "All at the same time."],
];

const FAULTS: readonly Row[] = [
  [
    "fault link MACHINE …",
    "The cable between the machine and the switch, both directions (`in …`: only what the machine gets, `out …`: only what it sends): `latency 5ms`, `rate 10Mbit`, `loss 10%`, `duplicate 1%`, `reorder 5%`, `mtu 1400` (longer packets vanish, and nobody is told), `drop 1,4-6` (the next frame and the fourth to sixth get lost, counted in each direction), `down`, `up`; several in one line. What is not named stays. A node whose cable is out goes on by itself: others forget what it has told them after some seconds, the managers make its tasks anew elsewhere after 10 to 15, and stop the old ones when it is back.",
  ],
  [
    "fault node NODE lost",
    "The node goes off: nobody reaches it, and all its programs and containers have ended. `back`: it is on again, its interface at once, Docker after `docker.boot`. Others notice as with a cable that is out.",
  ],
  [
    "fault block MACHINE FILTER",
    "A firewall before the machine's `eth0` drops what fits: `udp dst port 4789`, `in tcp src host 10.0.0.3 and dst port 80-90`, `dst net 10.0.0.0/8`, `esp`. Ports 7946 and 2377 are what the swarm's own packets need, though none is seen: `udp dst port 7946` for gossip, `tcp dst port 7946` for its synchronization, `tcp dst port 2377` for what agents and managers tell each other.",
  ],
  [
    "fault fdb NODE/NAMESPACE MAC gone",
    "The forwarding entries of the address vanish there, permanent ones too. `at VTEP`: the vxlan device believes that it is behind that tunnel endpoint.",
  ],
  [
    "fault neighbor NODE/NAMESPACE IP gone",
    "The neighbor entries of the address vanish there. `at MAC`: the namespace believes that it is there.",
  ],
  [
    "fault checksum MACHINE inner",
    "The network card writes wrong TCP and UDP checksums into tunneled packets; `outer`: into the tunnel's own UDP header.",
  ],
  [
    "fault encryption NODE unmarked",
    "The rules that mark the packets of the node's encrypted overlays are gone: they leave in the clear, and the others drop them. `spi`: the node numbers its security associations as Docker 28.2.2 and 29.0 to 29.2.0 do (others as before), so that nobody knows what it sends.",
  ],
  [
    "fault clear [MACHINE]",
    "Links and encryption are as the scenario says, blocks and wrong checksums end: everywhere or on that machine.",
  ],
];

const PAUSES: readonly Row[] = [
  [
    "nslookup.second",
    "From a question for A to the one for AAAA. `resolve.second`: the same of programs that look up a name.",
  ],
  [
    "httpd.answer",
    "A server thinks before it answers. More are `httpd.file`, `httpd.write`, `httpd.close`, `cgi.start`, `cgi.line`, `cgi.body`, `cgi.exit`, `dnsd.answer`, `extsrv.answer`, `extsrv.body`, `extsrv.close`, `dnsd.next`.",
  ],
  [
    "wget.request",
    "From connection to request; `curl.request` likewise. `wget.close`, `curl.close`: until the connection is closed.",
  ],
  [
    "ltool.fork",
    "The recordings' server makes a process for a connection; `ltool.line`: it answers a line; `ltool.datagram`: a datagram; `ltool.said`: its client has printed one; `ltool.request`: its `get` asks; `ltool.end`: its `ttl` ends, or its `tcpc` after an error.",
  ],
  [
    "iperf3.write",
    "What a write takes of a sender's time. `iperf3.end`: from the last write to the word that the test is over.",
  ],
  [
    "docker-proxy.dial",
    "A node's proxy connects to the container; `docker-proxy.copy`: it passes on; `docker-proxy.close`: it closes.",
  ],
  [
    "dockerd.hear",
    "Docker's DNS server takes up a question; `dockerd.dns`: it answers; `dockerd.dial`: it asks another server.",
  ],
  ["docker.STEP", `What an engine or a manager does takes that long: ${Object.keys(DockerCost).join(", ")}.`],
  [
    "swarm.down",
    "From the loss of a node until the managers hold it for down. `swarm.session`: from when it can reach them again until it has a session.",
  ],
  ["igmp.NODE/NAMESPACE", "From the first report of a group to the second; by chance up to a second."],
  [
    "linkwatch.NODE/NAMESPACE/DEVICE",
    "Until a bridge notices that the other end of its port is up. What comes by it before is lost, as a container's first announcement sometimes is. Usually at once.",
  ],
];

export function commandReference(): readonly string[] {
  return [
    "## Commands",
    "",
    "Each step is a command line. Words are split and quoted as in a shell (`'…'`, `\"…\"`, `\\`); there is no shell, so no",
    "pipes, redirections or variables. A step begins when the one before has ended, unless that one has `&` at its end. A",
    "step that has not ended after an hour is stopped; `sleep` takes as long as it says.",
    "",
    ...table("Command", "What happens", COMMANDS),
    "",
    "A task of a replicated service is `SERVICE.1`, `SERVICE.2` and so on, one of a global service `SERVICE.NODE`.",
    "",
    ...programReference(),
    "",
    "### Pauses",
    "",
    ...table("Name", "What pauses", PAUSES),
    "",
    "### Replay",
    "",
    ...table("Behind the file", "Meaning", REPLAY),
    "",
    "### Faults",
    "",
    ...table("Command", "What happens", FAULTS),
  ];
}

function table(first: string, second: string, rows: readonly Row[]): readonly string[] {
  const lines = rows.map(([command, meaning]) => `| \`${command}\` | ${meaning} |`);
  return [`| ${first} | ${second} |`, "| --- | --- |", ...lines];
}
