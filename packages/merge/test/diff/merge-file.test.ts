import { expect, test } from 'vitest'
import { lines, merge3, withMarkers } from '../../src/diff/index.ts'
import { gitVersion, names, openGit, type GitMerge } from './git.ts'
import { kinds, tripleOf, type Kind, type Triple } from './triples.ts'
import { readVectors } from './vectors.ts'

/**
 * In which way a merge is another than that of git. `joined`: with the base in it (`--diff3`) git calls it a conflict when both sides made the
 * same of a region in different steps, of which one touches the next; without the base it does not, and we never do.
 */
type Difference = 'verdict' | 'text' | 'joined' | 'text with base'

function difference(triple: Triple, git: GitMerge): Difference | undefined {
  const merged = merge3({ ...triple, by: lines })
  const narrow = withMarkers(triple, { names })
  const wide = withMarkers(triple, { names, withBase: true })
  if ([merged, narrow, wide].some(({ clean }) => clean !== git.clean)) return 'verdict'
  if (narrow.text !== git.text || (merged.clean && merged.value !== git.text)) return 'text'
  if (wide.text === git.withBase) return undefined
  return withoutAgreements(wide.text) === withoutAgreements(git.withBase) ? 'joined' : 'text with base'
}

/** A text with the base in its conflicts, without those whose sides look the same: one may lack the line feed at the end of the text. */
function withoutAgreements(text: string): string {
  const block = /^<{7} mine\r?\n([^]*?)^\|{7} base\r?\n[^]*?^={7}\r?\n([^]*?)^>{7} theirs\r?\n/gm
  return text.replace(block, (whole, mine: string, theirs: string) => (mine === theirs ? mine : whole))
}

test('[D3-12] lines merge as git merges them: the same verdict and the same text, with marks and without', () => {
  const { git, vectors } = readVectors()
  expect(git).toMatch(/^git version 2\./)
  expect(vectors.length).toBeGreaterThan(1_000)
  const found = vectors.flatMap((vector) => {
    const what = difference(vector, vector.git)
    return what === undefined ? [] : [`${vector.name}: ${what}`]
  })
  expect(found).toEqual(['large 2: joined', 'large 21: joined'])
  for (const kind of kinds.filter((each) => each !== 'huge')) {
    const ofKind = vectors.filter(({ name }) => name.startsWith(kind))
    const clean = ofKind.filter((vector) => vector.git.clean).length
    const fewest = kind === 'large' ? 2 : 80
    expect(Math.min(clean, ofKind.length - clean)).toBeGreaterThan(fewest)
  }
})

test('[D3-12] the stored vectors are those that their seeds give', () => {
  const { vectors } = readVectors()
  for (const { name, base, mine, theirs } of vectors) {
    const [kind, seed] = name.split(' ')
    // Names of chosen cases have other words.
    if (!kinds.includes(kind as Kind) || !/^\d+$/.test(seed ?? '')) continue
    expect(tripleOf(kind as Kind, Number(seed))).toEqual({ base, mine, theirs })
  }
})

// The long run looks for what nobody has stored yet. It needs a git, which a fresh machine may lack.
const live = process.env.SYNCLINE_LONG === '1' && gitVersion() !== undefined ? kinds : []

test.each(live)('[D3-12] thousands of triples of kind %s merge as the git of this machine does', (kind) => {
  const git = openGit()
  // Another part of the seeds each day, and the same within it.
  const first = 1_000 + Math.floor(Date.now() / 86_400_000) * 3_000
  const found: Record<Difference, number[]> = { verdict: [], text: [], joined: [], 'text with base': [] }
  const count = { large: 300, huge: 10 }[kind as string] ?? 3_000
  for (let seed = first; seed < first + count; seed++) {
    const triple = tripleOf(kind, seed)
    const what = difference(triple, git.merge(triple))
    if (what !== undefined) found[what].push(seed)
  }
  git.close()
  const { joined, ...others } = found
  expect(others).toEqual({ verdict: [], text: [], 'text with base': [] })
  expect(joined.length).toBeLessThan(kind === 'unique' ? 1 : 30)
})
