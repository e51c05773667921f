import { describe, expect, it } from "vitest";
import { CaptureError, CaptureErrorCode, hex32, ioError } from "../src/error.ts";

describe("CaptureError", () => {
  it("says file, byte and problem", () => {
    const error = new CaptureError({
      code: "ERR_PCAP_VERSION",
      file: "lab.pcap",
      offset: 4,
      problem: "pcap version 3.0, expected 2.4",
    });
    expect(error).toBeInstanceOf(Error);
    expect(`${error}`).toBe("CaptureError: lab.pcap: byte 4: pcap version 3.0, expected 2.4");
    expect(error).toMatchObject({ code: "ERR_PCAP_VERSION", file: "lab.pcap", offset: 4 });
    expect(Object.hasOwn(error, "cause")).toBe(false);
  });

  it("keeps what the system said as its cause, and is not wrapped twice", () => {
    const cause = new Error("EIO: i/o error");
    const error = ioError("ERR_CAPTURE_READ", "a", 7, cause);
    expect(error).toMatchObject({ code: "ERR_CAPTURE_READ", offset: 7, problem: "EIO: i/o error", cause });
    expect(ioError("ERR_CAPTURE_OPEN", "b", 0, error)).toBe(error);
    expect(ioError("ERR_CAPTURE_READ", "c", 0, "a word").problem).toBe("a word");
  });

  it("has codes that begin alike and are explained", () => {
    for (const [code, words] of Object.entries(CaptureErrorCode)) {
      expect(code).toMatch(/^ERR_[A-Z_]+$/);
      expect(words.length).toBeGreaterThan(20);
    }
    expect(hex32(-1)).toBe("0xffffffff");
  });
});
