import { createDice, type Dice } from './dice.ts'

/** Three texts, of which two come from one. */
export interface Triple {
  readonly base: string
  readonly mine: string
  readonly theirs: string
}

/**
 * Kinds of texts. `unique`: no line is there twice, and none is moved. `code`: functions with repeated closing lines, empty lines and idioms;
 * blocks are moved, copied and reindented. `prose`: paragraphs of few words, blank lines between. `dense`: lines out of very few, which no
 * text that means something is like. `large`: long and rewritten in large parts, so that a search for the shortest way is given up. `huge`: so long
 * that a search looks for long runs before it gives up.
 */
export const kinds = ['unique', 'code', 'prose', 'dense', 'large', 'huge'] as const
export type Kind = (typeof kinds)[number]

/** A triple of one kind, the same for one seed. */
export function tripleOf(kind: Kind, seed: number): Triple {
  const dice = createDice(seed * 31 + kinds.indexOf(kind))
  const source = sources[kind](dice)
  const base = source.text()
  const rewritten = (text: readonly string[]): readonly string[] => {
    const times = kind === 'huge' ? 300 : kind === 'large' ? dice.below(40) : 1
    return Array.from({ length: times }).reduce<readonly string[]>((before) => edited(before, source, dice), text)
  }
  const mine = rewritten(base)
  // Now and then both do the same, in all or in part.
  const theirs = dice.below(8) === 0 ? edited(mine, source, dice) : rewritten(base)
  const join = ending(dice)
  return { base: join(base), mine: join(mine), theirs: join(theirs) }
}

interface Source {
  text(): readonly string[]
  line(): string
  readonly canMove: boolean
}

const sources: Record<Kind, (dice: Dice) => Source> = {
  unique: (dice) => {
    let next = 0
    const line = (): string => `line ${next++} ${dice.below(1000)}`
    return { line, text: () => Array.from({ length: dice.below(60) }, line), canMove: false }
  },
  code: (dice) => {
    const names = ['read', 'write', 'open', 'close', 'find', 'merge', 'count', 'split']
    const body = (): string =>
      dice.pick([
        () => `  const ${dice.pick(names)} = ${dice.pick(names)}(${dice.below(6)})`,
        () => `  if (${dice.pick(names)} === undefined) return`,
        () => `  return ${dice.pick(names)}`,
        () => '',
        () => '    }',
        () => `  ${dice.pick(names)}.push(${dice.pick(names)})`,
        () => '  // nothing to do',
        () => `  for (const each of ${dice.pick(names)}) {`,
      ])()
    const block = (): string[] => [
      `function ${dice.pick(names)}${dice.below(9)}() {`,
      ...Array.from({ length: dice.below(9) }, body),
      '}',
      '',
    ]
    return { line: body, text: () => Array.from({ length: dice.below(14) }, block).flat(), canMove: true }
  },
  prose: (dice) => {
    const words = ['the', 'sea', 'was', 'calm', 'and', 'a', 'ship', 'came', 'home']
    const line = (): string =>
      dice.below(3) === 0 ? '' : Array.from({ length: 1 + dice.below(3) }, () => dice.pick(words)).join(' ')
    return { line, text: () => Array.from({ length: dice.below(50) }, line), canMove: true }
  },
  large: (dice) => {
    const word = (sides: number): string => dice.below(sides).toString(36)
    // Of two such texts half of the lines have many partners, and few a partner at their place.
    const line = (): string => (dice.below(2) === 0 ? `${word(12)}` : `${word(40)} ${word(40)}`)
    return { line, text: () => Array.from({ length: 400 + dice.below(2_000) }, line), canMove: true }
  },
  huge: (dice) => {
    const line = (): string => `${dice.below(dice.pick([5, 300, 300, 20_000]))}`
    return { line, text: () => Array.from({ length: 50_000 }, line), canMove: true }
  },
  dense: (dice) => {
    const letters = 'abcdefgh'.slice(0, 2 + dice.below(7))
    const line = (): string => letters[dice.below(letters.length)]!
    return { line, text: () => Array.from({ length: dice.below(40) }, line), canMove: true }
  },
}

function edited(text: readonly string[], { line, canMove }: Source, dice: Dice): readonly string[] {
  let lines = [...text]
  for (let edits = dice.below(6); edits > 0; edits--) {
    const at = dice.below(lines.length + 1)
    // A large text is now and then written anew over half of its length.
    const length =
      dice.below(4) +
      (lines.length > 300 && lines.length < 10_000 && dice.below(5) === 0 ? dice.below(lines.length >> 1) : 0)
    const what = dice.below(canMove ? 7 : 4)
    if (what === 0) lines.splice(at, 0, ...Array.from({ length: 1 + length }, line))
    else if (what === 1) lines.splice(at, 1 + length)
    else if (what <= 3) lines.splice(at, 1 + length, ...Array.from({ length: 1 + dice.below(3) }, line))
    else if (what === 4) lines.splice(dice.below(lines.length + 1), 0, ...lines.splice(at, 1 + length * 3))
    else if (what === 5) lines.splice(dice.below(lines.length + 1), 0, ...lines.slice(at, at + 1 + length * 3))
    else lines = lines.map((each, i) => (i >= at && i < at + 6 && each !== '' ? `  ${each}` : each))
  }
  return lines
}

/** How the lines of a triple end: mostly as in Unix, also as in DOS, and some texts do not end their last line. */
function ending(dice: Dice): (lines: readonly string[]) => string {
  const end = dice.below(10) === 0 ? '\r\n' : '\n'
  return (lines) => {
    const text = lines.map((line) => line + end).join('')
    return dice.below(10) === 0 ? text.slice(0, Math.max(0, text.length - end.length)) : text
  }
}
