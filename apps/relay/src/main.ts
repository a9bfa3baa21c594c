#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { readOptions } from './options.ts'
import { commandNames, usage, UsageError } from './usage.ts'

/** A stop that takes longer is an end: the log is whole at every moment. */
const STOP_TIMEOUT_MS = 1900

async function main(): Promise<void> {
  const [word, ...rest] = process.argv.slice(2)
  const command = commandNames.find((name) => name === word)
  if (command !== undefined && !rest.includes('--help')) {
    const { runCommand } = await import('./care.ts')
    // Not by `exit`, which would cut off what a pipe has not taken yet.
    process.exitCode = await runCommand(command, rest, process.env)
    return
  }
  const options = readOptions(command === undefined ? process.argv.slice(2) : rest, process.env)
  if (options === 'help') return void process.stdout.write(usage)
  if (options === 'version') return void process.stdout.write(`${version()}\n`)
  // Who asks how to use it, or asks wrongly, is answered at once: the relay is loaded when it is to run.
  const { startProgram } = await import('./program.ts')
  const program = await startProgram(options)

  let isStopping = false
  const stop = (): void => {
    // Who asks again does not want to wait any longer.
    if (isStopping) return end()
    isStopping = true
    void program.drain().then(end)
  }
  let isEnding = false
  const end = (): void => {
    if (isEnding) return
    isEnding = true
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
    void program.stop().then(() => process.exit(0), fail)
  }
  process.on('SIGHUP', () => program.reopen())
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)

  if (program.warning !== undefined) process.stderr.write(`${program.warning}\n`)
  process.stdout.write(`Syncline is running at ${program.url}\n`)
}

function version(): string {
  const { version: found } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string
  }
  return found
}

/** What the operator can mend is one line. Anything else is a defect, and says where. */
function fail(error: unknown): void {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const isExpected = name === 'RelayError' || error instanceof UsageError
  process.stderr.write(`${isExpected ? message : stack}\n`)
  process.exit(1)
}

main().catch(fail)
