/** What the command answers to the shell. */
export const ExitCode = {
  /** Done; also if whoever read the output stopped early. */
  ok: 0,
  /** The file is damaged: what was good before the damage has been printed. Or the output cannot be written. */
  damaged: 1,
  /** The command line makes no sense, or what it names is no capture. */
  usage: 2,
  /** A mistake in hopscope itself. */
  internal: 70,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
