import type { Merge3 } from './merge3.ts'
import type { Extent } from './regions.ts'
import { hunksOf } from './script.ts'
import { compare, type Compared, type Items } from './sequence.ts'
import { createNumbering } from './symbols.ts'
import { lineTexts } from './text.ts'

/** How conflicts are written. */
export interface MarkerOptions {
  /** Whether what the base has is written too. Otherwise only the lines in which the sides differ from each other are marked. */
  readonly withBase?: boolean
  /** What the versions are called, behind the marks. */
  readonly names?: { readonly base?: string; readonly mine?: string; readonly theirs?: string }
}

/** A merged text with marks where the sides disagree. */
export interface MarkedMerge {
  readonly clean: boolean
  readonly text: string
}

/**
 * The merge of three texts line by line as one text, with conflicts between `<<<<<<<` and `>>>>>>>`: what `git merge-file -p` writes, or with
 * `withBase` what `git merge-file -p --diff3` does. For files and messages; `merge3` gives the same conflicts as data.
 *
 * @example
 * import { withMarkers } from '@syncline/merge/diff'
 *
 * const names = { mine: 'Ada', theirs: 'Bob' }
 * expect(withMarkers({ base: 'tea\n', mine: 'milk\n', theirs: 'juice\n' }, { names })).toEqual({
 *   clean: false,
 *   text: '<<<<<<< Ada\nmilk\n=======\njuice\n>>>>>>> Bob\n',
 * })
 */
export function withMarkers(
  { base, mine, theirs }: Omit<Merge3<string>, 'by'>,
  { withBase = false, names = {} }: MarkerOptions = {},
): MarkedMerge {
  const compared = compare(lineTexts, base, mine, theirs)
  const clean = compared.regions.every(({ kind }) => kind !== 'conflict')
  const blocks = withBase ? wholeBlocks(compared) : narrowBlocks(compared)
  const { base: inBase, mine: inMine, theirs: inTheirs } = compared
  let text = ''
  let done = 0
  for (const { kind, extents } of blocks) {
    text += inMine.slice(done, extents.mine.start)
    done = extents.mine.end
    const ofMine = inMine.slice(extents.mine.start, extents.mine.end)
    const ofTheirs = inTheirs.slice(extents.theirs.start, extents.theirs.end)
    if (kind === 'theirs') text += ofTheirs
    else if (kind !== 'conflict') text += ofMine
    else {
      const end = lineEnd(compared, extents)
      const mark = (sign: string, name?: string): string => sign.repeat(7) + (name ? ` ${name}` : '') + end
      text += mark('<', names.mine) + ended(ofMine, end)
      if (withBase) text += mark('|', names.base) + ended(inBase.slice(extents.base!.start, extents.base!.end), end)
      text += mark('=') + ended(ofTheirs, end) + mark('>', names.theirs)
    }
  }
  return { clean, text: text + inMine.slice(done, inMine.count) }
}

/** A part of the texts that is written in one way. */
interface Block {
  readonly kind: 'mine' | 'theirs' | 'same' | 'conflict'
  readonly extents: { readonly base?: Extent; readonly mine: Extent; readonly theirs: Extent }
}

function wholeBlocks({ regions }: Compared<string>): readonly Block[] {
  return regions.map(({ kind, ...extents }) => ({ kind, extents }))
}

/** With conflicts cut down to the lines in which the sides differ, and those joined again between which too little is left to tell them apart. */
function narrowBlocks(compared: Compared<string>): readonly Block[] {
  const blocks: Block[] = []
  for (const { kind, ...extents } of compared.regions) {
    // What both sides did alike does not keep conflicts apart.
    if (kind === 'same') continue
    for (const block of kind === 'conflict' ? narrowed(compared, extents) : [{ kind, extents }]) {
      const last = blocks.at(-1)
      if (last?.kind === 'conflict' && block.kind === 'conflict' && isClose(compared, last, block)) {
        blocks[blocks.length - 1] = {
          kind: 'conflict',
          extents: { mine: span(last, block, 'mine'), theirs: span(last, block, 'theirs') },
        }
      } else blocks.push(block)
    }
  }
  return blocks
}

function span(from: Block, to: Block, side: 'mine' | 'theirs'): Extent {
  return { start: from.extents[side].start, end: to.extents[side].end }
}

function narrowed({ mine, theirs }: Compared<string>, extents: Block['extents']): readonly Block[] {
  const [inMine, inTheirs] = [extents.mine, extents.theirs]
  if (inMine.start === inMine.end || inTheirs.start === inTheirs.end) return [{ kind: 'conflict', extents }]
  const numbering = createNumbering()
  const a = lineTexts.cut(mine.slice(inMine.start, inMine.end)).numbered(numbering)
  const b = lineTexts.cut(theirs.slice(inTheirs.start, inTheirs.end)).numbered(numbering)
  return hunksOf(a, b, numbering.count(), lineTexts.effort).map(({ aStart, aEnd, bStart, bEnd }) => ({
    kind: 'conflict',
    extents: {
      mine: { start: inMine.start + aStart, end: inMine.start + aEnd },
      theirs: { start: inTheirs.start + bStart, end: inTheirs.start + bEnd },
    },
  }))
}

/** Whether at most three lines are between two conflicts, or none with a letter or digit of ASCII: as git has it. */
function isClose({ mine }: Compared<string>, from: Block, to: Block): boolean {
  const [start, end] = [from.extents.mine.end, to.extents.mine.start]
  return end - start <= 3 || !/[0-9A-Za-z]/.test(mine.slice(start, end))
}

/** A line feed, with a carriage return before it where no side ends the lines before the conflict without one, and the base has one too. */
function lineEnd({ base, mine, theirs }: Compared<string>, extents: Block['extents']): string {
  const isPlain = (side: Items<string>, { start }: Extent): boolean => hasReturn(side, Math.max(0, start - 1)) === false
  const isDos = !isPlain(mine, extents.mine) && !isPlain(theirs, extents.theirs) && hasReturn(base, 0) === true
  return isDos ? '\r\n' : '\n'
}

/** Whether a line ends with a carriage return and a line feed; of a last line without end the one before it; undefined where nothing tells. */
function hasReturn({ count, slice }: Items<string>, index: number): boolean | undefined {
  const lineAt = (i: number): string => (i < 0 || i >= count ? '' : slice(i, i + 1))
  return [lineAt(index), lineAt(index - 1)].find((each) => each.endsWith('\n'))?.endsWith('\r\n')
}

function ended(text: string, end: string): string {
  return text === '' || text.endsWith('\n') ? text : text + end
}
