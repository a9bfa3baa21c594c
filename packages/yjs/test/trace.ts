import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** What people typed at the same time; see third_party/editing-traces. */
export interface Trace {
  readonly numAgents: number
  readonly endContent: string
  readonly txns: readonly {
    readonly parents: readonly number[]
    readonly agent: number
    readonly patches: readonly (readonly [number, number, string])[]
  }[]
}

export function readTrace(name: string): Trace {
  const file = new URL(`../../../third_party/editing-traces/${name}.json.gz`, import.meta.url)
  // Its README says what is in it.
  return JSON.parse(gunzipSync(readFileSync(file)).toString()) as Trace
}
