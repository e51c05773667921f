/** One machine with a namespace and nothing in it but the loopback device: for tests of a part alone. */
import { Loopback } from "../../src/devices/loopback.ts";
import { FramePool } from "../../src/frame.ts";
import { Netns } from "../../src/netns.ts";
import { Node } from "../../src/node.ts";
import { Random } from "../../src/sim/random.ts";
import { Simulator } from "../../src/sim/simulator.ts";
import { Recorder } from "../../src/trace/recorder.ts";
import { ip } from "./overlay-plan.ts";

export function machine(): Netns {
  const frames = new FramePool({ slots: 16, jumboSlots: 1 });
  const recorder = new Recorder(frames);
  recorder.start();
  const netns = new Netns(new Node("alone", new Simulator(), frames, recorder, new Random(1, "alone")), "host");
  netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), ip("127.0.0.1"), 8);
  return netns;
}

/** Lets the machine go on for a while. */
export function passOn({ node }: Netns, ns: number): void {
  const { simulator, softnet } = node;
  simulator.hold();
  simulator.schedule(simulator.now + ns, { softnet, wake: () => simulator.release() }, 0);
  simulator.run();
}
