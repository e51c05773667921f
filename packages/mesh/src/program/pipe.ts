/** A pipe between two processes of a container (pipe(2)), without a limit to what it holds. */
import type { WaitedFor, Waiter } from "./process.ts";

export class Pipe implements WaitedFor {
  waiter: Waiter | undefined = undefined;
  #text = "";
  #isClosed = false;

  /** Nothing is left, and nobody will write any more. */
  get isAtEnd(): boolean {
    return this.#isClosed && this.#text === "";
  }

  write(text: string): void {
    this.#text += text;
    this.waiter?.wakeUp();
  }

  /** All that is in it. */
  read(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  /** The writer is done. */
  close(): void {
    this.#isClosed = true;
    this.waiter?.wakeUp();
  }
}
