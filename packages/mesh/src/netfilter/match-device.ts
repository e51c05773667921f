/** A device by its name, as rules mean it (Linux include/linux/netfilter/x_tables.h, ifname_compare_aligned). */
import type { NetDevice } from "../device.ts";
import type { DeviceMatch } from "./rule.ts";

export class DeviceName {
  readonly #name: string;
  /** The name ended in `+`. */
  readonly #isPrefix: boolean;
  readonly #isInverted: boolean;

  constructor({ name, not }: DeviceMatch) {
    this.#isPrefix = name.endsWith("+");
    this.#name = this.#isPrefix ? name.slice(0, -1) : name;
    this.#isInverted = not === true;
  }

  /** No device has an empty name. */
  matches(device: NetDevice | undefined): boolean {
    const name = device === undefined ? "" : device.name;
    const isSame = this.#isPrefix ? name.startsWith(this.#name) : name === this.#name;
    return isSame !== this.#isInverted;
  }
}
