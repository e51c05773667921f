/** The recordings of fixtures/pcaps: where they are, how they are read. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type CaptureReader, openCaptureSync } from "@hopscope/tracer/reader";

/** With a slash at the end. */
export const FIXTURES: string = fileURLToPath(new URL("../../../../fixtures/pcaps/", import.meta.url));

/** Names without `.gz`, in order: `s01-ping-overlay-cross.pcapng`, `docker-28/s10-dns.pcapng`. */
export const CAPTURES: readonly string[] = readdirSync(FIXTURES, { recursive: true, encoding: "utf8" })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => /\.pcap(?:ng)?\.gz$/.test(name))
  .map((name) => name.slice(0, -3))
  .toSorted();

export function captureBytes(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(`${FIXTURES}${name}.gz`)));
}

/** A reader over the whole file in memory: offsets of all frames lie in one view. */
export function openFixture(name: string): CaptureReader {
  return openCaptureSync(captureBytes(name), { name });
}

export interface FixtureFrame {
  readonly number: number;
  readonly linkType: number;
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  /** Bytes that the frame had on the wire; more than are there if the capture cut it. */
  readonly wireLength: number;
}

/** The frames of a capture; all share one view. */
export function* framesOf(name: string): Generator<FixtureFrame, void> {
  const reader = openFixture(name);
  while (reader.next()) {
    const { number, view, start, end, wireLength } = reader;
    yield { number, linkType: reader.interface.linkType, view, start, end, wireLength };
  }
}

export function readFixture(name: string): string {
  return readFileSync(`${FIXTURES}${name}`, "utf8");
}

/** Where a live comparison keeps what another tshark says of the fixtures. */
const OTHER_EXPECTATIONS: string | undefined = process.env["HOPSCOPE_EXPECTATIONS"];

/** False while the expectations of another tshark are compared than that of the committed files. */
export const HAS_COMMITTED_EXPECTATIONS: boolean = OTHER_EXPECTATIONS === undefined;

/** The text of a capture's expectation file. */
export function expectationText(name: string): string {
  return readFileSync(`${OTHER_EXPECTATIONS ?? FIXTURES}/${name}.tshark.txt`, "utf8");
}

export function hasFixture(name: string): boolean {
  return existsSync(`${FIXTURES}${name}`);
}
