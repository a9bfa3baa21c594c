/** What is there wherever a simulation runs. */
const platform = globalThis as unknown as { readonly console: { log(line: string): void } }

/** Prints a line on the console. */
export function printLine(line: string): void {
  platform.console.log(line)
}
