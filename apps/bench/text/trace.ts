import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Edit } from './contender.ts'

/** What somebody typed, one edit after the other, and what it came to. */
export interface Trace {
  readonly edits: readonly Edit[]
  readonly end: string
}

interface Recorded {
  readonly endContent: string
  readonly txns: readonly { readonly patches: readonly Edit[] }[]
}

/** The writing of a paper, from third_party; with `most`, so much of its beginning. */
export function readTrace(file: string, most = Infinity): Trace {
  // Its README says what is in it.
  const { txns, endContent } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recorded
  const all = txns.flatMap(({ patches }) => patches)
  if (most >= all.length) return { edits: all, end: endContent }
  const edits = all.slice(0, most)
  let end = ''
  for (const [at, removed, inserted] of edits) end = end.slice(0, at) + inserted + end.slice(at + removed)
  return { edits, end }
}
