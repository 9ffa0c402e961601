// What both servers have in common: how they are told what to do, and what they send.
import { createInterface } from "node:readline";

/** What pads a message. */
export const fill = "x".repeat(Number(process.argv[2]));

/** Microseconds since 1970. */
export const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** Tell where the server listens. */
export const listening = (port) => console.log(port);

/** Publish for each line; end with the input. */
export const onLine = (publish) =>
  createInterface({ input: process.stdin })
    .on("line", publish)
    .on("close", () => process.exit(0));
