import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { gitVersion, openGit, type GitMerge } from './git.ts'
import { kinds, tripleOf, type Kind, type Triple } from './triples.ts'

/** A triple, and what git made of it when the vectors were made. */
export interface Vector extends Triple {
  readonly name: string
  readonly git: GitMerge
}

/** What is stored: see `keep-vectors.mjs`. */
export interface Vectors {
  readonly git: string
  readonly vectors: readonly Vector[]
}

const file = fileURLToPath(new URL('golden/merge-file.json.gz', import.meta.url))

/** So many seeds of each kind are stored; of large ones few, and of huge ones none, for their size. */
const SEEDS: Readonly<Record<Kind, number>> = { unique: 250, code: 250, prose: 250, dense: 250, large: 24, huge: 0 }

/** Cases that nobody finds by chance, or that are easily got wrong. */
const chosen: readonly (readonly [name: string, base: string, mine: string, theirs: string])[] = [
  ['nothing at all', '', '', ''],
  ['both begin', '', 'a\n', 'b\n'],
  ['both begin alike', '', 'a\nb\n', 'a\nc\n'],
  ['one empties, the other changes', 'a\nb\n', '', 'a\nc\n'],
  ['no end, and an end', 'a\nb', 'a\nb\n', 'a\nb'],
  ['both add behind a last line without end', 'a', 'a\nb', 'a\nc'],
  ['one ends the last line, the other adds behind it', 'a', 'a\n', 'a\nb'],
  ['one in DOS, one in Unix', 'a\r\nb\r\nc\r\n', 'a\nb\nc\n', 'a\r\nB\r\nc\r\n'],
  ['DOS on all sides', 'a\r\nb\r\n', 'a\r\nc\r\n', 'a\r\nd\r\n'],
  ['DOS, without an end', 'a\r\nb', 'a\r\nc', 'a\r\nd'],
  ['neighbours', 'a\nb\nc\nd\n', 'a\nB\nc\nd\n', 'a\nb\nC\nd\n'],
  ['one line between', 'a\nb\nc\nd\n', 'A\nb\nc\nd\n', 'a\nb\nC\nd\n'],
  ['one inserts before what the other removes', 'a\nb\nc\n', 'a\nx\nb\nc\n', 'a\nc\n'],
  ['conflicts with three lines between', '1\na\nb\nc\n2\n', 'x\na\nb\nc\ny\n', 'z\na\nb\nc\nw\n'],
  ['conflicts with four lines between', '1\na\nb\nc\nd\n2\n', 'x\na\nb\nc\nd\ny\n', 'z\na\nb\nc\nd\nw\n'],
  ['conflicts with four lines of signs between', '1\n{\n}\n\n;\n2\n', 'x\n{\n}\n\n;\ny\n', 'z\n{\n}\n\n;\nw\n'],
  ['a change of both between conflicts', '1\na\nb\nc\n2\n', 'x\na\nB\nc\ny\n', 'z\na\nB\nc\nw\n'],
  ['alike in part', 'a\nb\nc\n', 'a\n1\n2\n3\nc\n', 'a\n1\n4\n3\nc\n'],
  ['a region that overlaps three times', 'a\nb\nc\nd\ne\n', 'a\nX\ne\n', 'a\n1\nc\n2\ne\n'],
  ['a function added twice at the same place', 'f() {\n}\n', 'f() {\n}\n\ng() {\n}\n', 'f() {\n}\n\nh() {\n}\n'],
]

/** Asks git for everything, and stores it. Returns how much that is. */
export function keepVectors(): { readonly git: string; readonly count: number; readonly bytes: number } {
  const version = gitVersion()
  if (version === undefined) throw new Error('There is no git here. Install it and run again.')
  const git = openGit()
  const triples = [
    ...chosen.map(([name, base, mine, theirs]) => ({ name, base, mine, theirs })),
    ...kinds.flatMap((kind) =>
      Array.from({ length: SEEDS[kind] }, (_, seed) => ({ name: `${kind} ${seed}`, ...tripleOf(kind, seed) })),
    ),
  ]
  const vectors = triples.map((triple): Vector => ({ ...triple, git: git.merge(triple) }))
  git.close()
  const bytes = gzipSync(JSON.stringify({ git: version, vectors } satisfies Vectors), { level: 9 })
  writeFileSync(file, bytes)
  return { git: version, count: vectors.length, bytes: bytes.length }
}

export function readVectors(): Vectors {
  // What this program wrote.
  return JSON.parse(gunzipSync(readFileSync(file)).toString()) as Vectors
}
