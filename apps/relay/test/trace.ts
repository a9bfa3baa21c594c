/*
 * What `strace` wrote of a program: the calls that matter to what stands on the disk and to who was told what, in order. A call may be written in two lines, one where it begins and
 * one where it ends; then it has two places.
 */

/** A call, as far as the trace has it. */
export interface Call {
  readonly name: string
  /** The first file descriptor among its arguments; of a file that was opened, the new one. */
  readonly fd: number
  /** What is behind it, or is made: a path, or `socket:[number]`. */
  readonly target: string
  /** The bytes that were written. */
  readonly bytes: Buffer
  /** Where in its file; undefined when the call does not say. */
  readonly at: number | undefined
  /** What it gave. */
  readonly result: number
  /** Of a file that was opened: its descriptor returns only when what was written is on the disk. */
  readonly isSynchronous: boolean
  /** Whether there may be a new name after it. */
  readonly isNaming: boolean
  /** The lines in which it began and ended. */
  readonly began: number
  readonly ended: number
}

/** The calls of a trace (`strace -f -y -xx -s …`), by where they ended. Throws on lines that it does not understand. */
export function callsIn(trace: string): readonly Call[] {
  const calls: Call[] = []
  /** What each thread has begun. */
  const begun = new Map<string, { readonly text: string; readonly line: number }>()
  for (const [line, whole] of trace.split('\n').entries()) {
    const [, thread, text] = /^(\d+) +(.*)$/s.exec(whole) ?? []
    if (thread === undefined || text === undefined || /^(\+\+\+|---)/.test(text)) continue
    if (text.endsWith(' <unfinished ...>')) {
      begun.set(thread, { text: text.slice(0, -' <unfinished ...>'.length), line })
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(text)
    const before = resumed === null ? undefined : begun.get(thread)
    begun.delete(thread)
    if (resumed !== null && before === undefined)
      throw new Error(`Line ${line} ends a call that did not begin: ${text.slice(0, 80)}`)
    const call = callOf(before === undefined ? text : before.text + resumed![1]!, before?.line ?? line, line)
    if (call !== undefined) calls.push(call)
  }
  return calls
}

function callOf(text: string, began: number, ended: number): Call | undefined {
  const [, name, args, answer] = /^(\w+)\((.*)\) += (-?\d+|\?).*$/s.exec(text) ?? []
  if (name === undefined) throw new Error(`Line ${ended} is no call: ${text.slice(0, 80)}`)
  // The program ended in the middle of it.
  if (answer === '?') return undefined
  const result = Number(answer)
  const isOpening = name === 'openat'
  const isMaking = /^mkdir(at)?$/.test(name)
  const [, fd, target] = (isOpening ? /= (\d+)<([^>]*)>$/.exec(text) : /^(\d+)<([^>]*)>/.exec(args!)) ?? []
  const bytes = Buffer.concat(
    [...args!.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => Buffer.from(hex!.replaceAll('\\x', ''), 'hex')),
  )
  const last = /, (\d+)$/.exec(args!)?.[1]
  const isPlaced = name === 'pwrite64' || name === 'pwritev'
  return {
    name,
    fd: Number(fd ?? -1),
    target: isMaking ? bytes.toString() : unescaped(target ?? ''),
    bytes,
    at: isPlaced ? Number(last) : undefined,
    result,
    isSynchronous: /O_D?SYNC/.test(args!),
    isNaming: isMaking || (isOpening && /O_CREAT/.test(args!)),
    began,
    ended,
  }
}

/** With `-xx` names are written in hexadecimal digits too. */
function unescaped(name: string): string {
  return name.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}
