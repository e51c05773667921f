/**
 * How long programs take for what they do between two system calls. In reality chance decides: a server that has said
 * all it has to say closes the connection before or after its client does. Each such pause has a name, `httpd.close`,
 * and a usual length; a run may set another to get the order that it wants.
 */
export class Pace {
  readonly #set: Map<string, number> = new Map();

  /** Nanoseconds of the pause; `usual` unless it is set. */
  of(name: string, usual: number): number {
    return this.#set.get(name) ?? usual;
  }

  set(name: string, ns: number): void {
    this.#set.set(name, ns);
  }

  /** All are as long as usual again. */
  clear(): void {
    this.#set.clear();
  }
}
