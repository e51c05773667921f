/**
 * Something by MAC address, in the order in which addresses came. The data path asks by the address' two halves (its first
 * 16 bits and, as an int32, its last 32): 48 bits are a double, which a Map makes an object of.
 */

/** Slots of the smallest index; a power of two. */
const MIN_SLOTS = 16;
const TWO_TO_32 = 0x100000000;

export class MacTable<Value> {
  readonly #highs: number[] = [];
  readonly #lows: number[] = [];
  readonly #values: Value[] = [];
  /** Open addressing: a place in the lists, or -1. Empty while the table is. */
  #slots: number[] = [];

  get size(): number {
    return this.#values.length;
  }

  /** The value of the address with these halves. */
  at(high: number, low: number): Value | undefined {
    const place = this.#find(high, low);
    return place < 0 ? undefined : this.#values[place];
  }

  get(mac: number): Value | undefined {
    return this.at(highOf(mac), mac | 0);
  }

  set(mac: number, value: Value): void {
    const high = highOf(mac);
    const low = mac | 0;
    const place = this.#find(high, low);
    if (place >= 0) {
      this.#values[place] = value;
      return;
    }
    this.#highs.push(high);
    this.#lows.push(low);
    const last = this.#values.push(value) - 1;
    if (2 * this.#values.length > this.#slots.length) this.#index();
    else this.#link(last);
  }

  delete(mac: number): boolean {
    const place = this.#find(highOf(mac), mac | 0);
    if (place < 0) return false;
    for (const list of [this.#highs, this.#lows, this.#values]) list.splice(place, 1);
    this.#index();
    return true;
  }

  /** The addresses with their values, as they are now. */
  entries(): [number, Value][] {
    return this.#values.map((value, place) => [this.#highs[place]! * TWO_TO_32 + (this.#lows[place]! >>> 0), value]);
  }

  #find(high: number, low: number): number {
    const slots = this.#slots;
    if (slots.length === 0) return -1;
    for (let slot = hash(high, low) & (slots.length - 1); ; slot = (slot + 1) & (slots.length - 1)) {
      const place = slots[slot]!;
      if (place < 0 || (this.#lows[place] === low && this.#highs[place] === high)) return place;
    }
  }

  #link(place: number): void {
    const slots = this.#slots;
    let slot = hash(this.#highs[place]!, this.#lows[place]!) & (slots.length - 1);
    while (slots[slot]! >= 0) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = place;
  }

  /** Room for twice as many as there are, and all of them in it. */
  #index(): void {
    let length = MIN_SLOTS;
    while (length < 2 * this.#values.length) length *= 2;
    if (length < 4 * this.#values.length && length > MIN_SLOTS) length *= 2;
    this.#slots = new Array<number>(length).fill(-1);
    for (let place = 0; place < this.#values.length; place++) this.#link(place);
  }
}

/** First 16 of an address' 48 bits. Its last 32 are `mac | 0`. */
export function highOf(mac: number): number {
  return Math.floor(mac / TWO_TO_32);
}

function hash(high: number, low: number): number {
  const mixed = Math.imul(low ^ Math.imul(high, 0x85ebca77), 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
