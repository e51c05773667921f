/**
 * A process: a program's coroutine on the virtual clock. It runs when something wakes it, in an event of its own, so what
 * the kernel was doing for others is done first; and it runs until it waits again, which takes no time by itself.
 *
 * What a process can still do holds the run: it ends when all processes wait, not while one is about to go on.
 *
 * Not modelled: time slices, several processes competing for a CPU, signal handlers: a signal ends the process.
 */
import { Cost } from "../costs.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { type Environment, USAGE_STATUS, UsageError } from "./program.ts";

/** Whoever can be told that there is something to look at: a process that waits for a socket. */
export interface Waiter {
  wakeUp(): void;
}

/** What a process leaves open the kernel closes when it ends. */
export interface Closable {
  close(): void;
}

/** A socket: it wakes who waits for it. */
export interface WaitedFor extends Closable {
  waiter: Waiter | undefined;
}

/** Linux signal numbers. */
export const Signal = { hangup: 1, interrupt: 2, kill: 9, pipe: 13, alarm: 14, terminate: 15 } as const;
export type Signal = (typeof Signal)[keyof typeof Signal];

/** A shell's exit status of what a signal has ended is this and the signal's number. */
const KILLED_STATUS = 128;

const State = { unstarted: 0, running: 1, polling: 2, sleeping: 3, ready: 4, ended: 5 } as const;
type State = (typeof State)[keyof typeof State];

/** Kinds of wake-ups, in the lowest bit of the event's argument; above it is the wait that they belong to. */
const Wake = { ready: 0, deadline: 1 } as const;
const TURN_MASK = 0x3fffffff;

export class Process implements Wakeable, Waiter {
  readonly environment: Environment;
  readonly softnet: Softnet;
  /** Unique in its namespace, counted up from 20, as in a container that runs little. */
  readonly pid: number;
  /** As `ps` calls it, and by which number: a thread has its process'. */
  name = "";
  tgid: number;
  /** Told when this process ends: its parent. */
  waiter: Waiter | undefined = undefined;
  #status: number | undefined = undefined;
  #state: State = State.unstarted;
  /** Number of the present wait. */
  #turn = 0;
  /** Something happened that the program may not have looked at yet. */
  #isWoken = false;
  #pendingSignal: Signal | undefined = undefined;
  #main: Generator<void, number, boolean> | undefined = undefined;
  readonly #files: Set<Closable> = new Set();
  readonly #onExit: (status: number) => void;
  readonly #print: (line: string) => void;

  constructor(
    environment: Environment,
    print: (line: string) => void = () => {},
    onExit: (status: number) => void = () => {},
  ) {
    this.environment = environment;
    this.softnet = environment.netns.node.softnet;
    environment.netns.use();
    environment.processes?.add(this);
    this.pid = environment.netns.nextPid++;
    this.tgid = this.pid;
    this.#print = print;
    this.#onExit = onExit;
  }

  /** Exit status, undefined while it runs. */
  get status(): number | undefined {
    return this.#status;
  }

  /** Runs `main` from `time` on. */
  start(main: Generator<void, number, boolean>, time: number = this.softnet.now): void {
    this.#main = main;
    this.environment.netns.node.processes.add(this);
    this.#becomeReady(time);
  }

  /** The socket wakes this process, and is closed with it. */
  own<T extends WaitedFor>(socket: T): T {
    socket.waiter = this;
    this.#files.add(socket);
    return socket;
  }

  /** Somebody else has it now: a child. */
  disown(socket: WaitedFor): void {
    this.#files.delete(socket);
    socket.waiter = undefined;
  }

  /** close(2) of what {@link own} took. */
  close(socket: Closable): void {
    this.#files.delete(socket);
    socket.close();
  }

  /**
   * poll(2): waits until somebody wakes the process (true) or the deadline has come (false). It may be woken for nothing:
   * who asks looks again at what it waits for.
   */
  *poll(deadline: number = Number.POSITIVE_INFINITY): Generator<void, boolean, boolean> {
    if (this.#isWoken) {
      this.#isWoken = false;
      return true;
    }
    if (deadline <= this.softnet.now) return false;
    this.#state = State.polling;
    this.#wakeAt(deadline);
    return yield;
  }

  /** Waits that long, whatever happens. */
  *sleep(ns: number): Generator<void, void, boolean> {
    this.#state = State.sleeping;
    this.#wakeAt(this.softnet.now + ns);
    yield;
  }

  /** Computes: takes `ns`, unless the run's pace says otherwise for what `name` tells. */
  *think(name: string, ns: number): Generator<void, void, boolean> {
    const time = this.environment.mesh.pace.of(name, ns);
    if (time > 0) yield* this.sleep(time);
  }

  /** waitpid(2): waits for the end of `child`; its status, or undefined if it still runs at the deadline. */
  *waitFor(child: Process, deadline: number = Number.POSITIVE_INFINITY): Generator<void, number | undefined, boolean> {
    child.waiter = this;
    while (child.#status === undefined && (yield* this.poll(deadline)));
    return child.#status;
  }

  /** There may be something for the program to do. */
  wakeUp(): void {
    this.#isWoken = true;
    if (this.#state === State.polling) this.#becomeReady(this.softnet.now + Cost.wakeUp);
  }

  /** Ends the process as if by a signal that it does not handle. One that is running ends when it waits next. */
  kill(signal: Signal): void {
    if (this.#state === State.ended) return;
    if (this.#state === State.running) {
      this.#pendingSignal = signal;
      return;
    }
    if (this.#state === State.ready) this.#release();
    this.#asProcess(() => this.#main?.return(KILLED_STATUS + signal));
    this.#end(KILLED_STATUS + signal);
  }

  wake(argument: number): void {
    if (argument >> 1 !== this.#turn || this.#state === State.ended) return;
    const isDeadline = (argument & 1) === Wake.deadline;
    if (this.#state === State.ready) {
      // Its deadline passed while it waited for the CPU: what it was woken for comes first.
      if (isDeadline) return;
      this.#release();
      this.#isWoken = false;
    }
    this.#run(!isDeadline);
  }

  #run(value: boolean): void {
    this.#turn = (this.#turn + 1) & TURN_MASK;
    this.#state = State.running;
    const status = this.#resume(value);
    if (status !== undefined) return this.#end(status);
    const signal = this.#pendingSignal;
    if (signal !== undefined) this.kill(signal);
  }

  /** The exit status, or undefined: the program waits. */
  #resume(value: boolean): number | undefined {
    try {
      const { done, value: status } = this.#asProcess(() => this.#main!.next(value));
      return done === true ? (status as number) : undefined;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.#print(error.message);
      return USAGE_STATUS;
    }
  }

  /** Runs what the process itself does: what that sends is taken up at once. */
  #asProcess<T>(work: () => T): T {
    const { softnet } = this;
    const wasInProcess = softnet.isInProcess;
    softnet.isInProcess = true;
    try {
      return work();
    } finally {
      softnet.isInProcess = wasInProcess;
    }
  }

  #end(status: number): void {
    this.#state = State.ended;
    this.#status = status;
    this.environment.processes?.delete(this);
    this.environment.netns.node.processes.delete(this);
    // do_exit, exit_files: in the order in which they were opened.
    this.#asProcess(() => {
      for (const file of this.#files) file.close();
    });
    this.#files.clear();
    this.#onExit(status);
    this.waiter?.wakeUp();
  }

  #becomeReady(time: number): void {
    this.#state = State.ready;
    const { simulator } = this.environment.netns.node;
    simulator.hold();
    simulator.schedule(time, this, (this.#turn << 1) | Wake.ready);
  }

  #wakeAt(time: number): void {
    if (time === Number.POSITIVE_INFINITY) return;
    this.environment.netns.node.simulator.schedule(time, this, (this.#turn << 1) | Wake.deadline);
  }

  #release(): void {
    this.environment.netns.node.simulator.release();
  }
}
