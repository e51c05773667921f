/** An answer of this host's that belongs to the connection of what it is about (Linux nf_conntrack_attach). */
import type { Frame } from "../frame.ts";
import { CtDirection, CtInfo, directionOf } from "../tables/conntrack.ts";

/** `answer`, an ICMP error or a reset, goes back the way that `about` came, if that is known. */
export function attachConntrack(answer: Frame, about: Frame): void {
  if (about.ct === undefined) return;
  answer.ct = about.ct;
  answer.ctInfo = directionOf(about.ctInfo) === CtDirection.original ? CtInfo.relatedReply : CtInfo.related;
}
