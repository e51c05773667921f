// Libraries of other languages, where the machine has them: Debian's libpcap-dev, libtins-dev,
// golang-github-google-gopacket-dev, python3-dpkt, python3-scapy. Their programs lie in native/ and are used as
// native/bench.c is. What is not there is left out, and the page says so.
import { existsSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = join(dirname(fileURLToPath(import.meta.url)), "native");
const GOPATH = "/usr/share/gocode";
const OPTIMIZED = ["-O3", "-march=native", "-w"];
const CODEC = ["decode", "build-echo"];
const READ = ["read-pcap-mix", "read-pcap-small"];

/** The programs that could be built or started: `{ name, cases, once, command }`. `once`: too slow for every round. */
export function findPeers(cache) {
  const peers = [];
  const missing = [];
  const add = (peer) => (peer.command === undefined ? missing.push(peer.name) : peers.push(peer));
  const libpcap = compiled("gcc", [...OPTIMIZED, join(here, "libpcap.c"), "-lpcap"], join(cache, "libpcap"));
  add({ name: "libpcap (C)", command: libpcap, cases: [...READ, "write-pcap-mix", "write-pcap-small"] });
  const libtins = compiled(
    "g++",
    [...OPTIMIZED, "-std=c++17", join(here, "libtins.cpp"), "-ltins"],
    join(cache, "libtins"),
  );
  add({ name: "libtins (C++)", command: libtins, cases: [...CODEC, ...READ] });
  add({ name: "gopacket (Go)", command: gopacket(join(cache, "gopacket"), cache), cases: [...CODEC, ...READ] });
  for (const name of ["dpkt", "scapy"]) {
    add({ name: `${name} (Python)`, command: python(name), cases: CODEC, once: true });
  }
  return { peers, missing };
}

function compiled(compiler, args, binary) {
  const { status } = spawnSync(compiler, [...args, "-o", binary], { stdio: "ignore" });
  return status === 0 ? [binary] : undefined;
}

function gopacket(binary, cache) {
  if (!existsSync(join(GOPATH, "src/github.com/google/gopacket"))) return undefined;
  const env = { ...process.env, GO111MODULE: "off", GOPATH, GOFLAGS: "", GOCACHE: join(cache, "go") };
  const { status } = spawnSync("go", ["build", "-o", binary, join(here, "gopacket.go")], { env, stdio: "ignore" });
  return status === 0 ? [binary] : undefined;
}

/** Debian's interpreter first: it has Debian's packages. */
function python(name) {
  for (const interpreter of ["/usr/bin/python3", "python3"]) {
    const { status } = spawnSync(interpreter, ["-c", `import ${name}`], { stdio: "ignore" });
    if (status === 0) return [interpreter, join(here, "packages.py"), name];
  }
  return undefined;
}
