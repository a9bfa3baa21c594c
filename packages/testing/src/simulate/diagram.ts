/** What a diagram of messages shows: who is there, and what happened, from the top down. */
export interface Drawing {
  readonly parties: readonly string[]
  readonly marks: readonly Mark[]
}

/** One line of a diagram. */
export type Mark =
  /** Something went from one party to another; `isLost` when it never came. */
  | {
      readonly kind: 'message'
      readonly from: string
      readonly to: string
      readonly label: string
      readonly isLost?: boolean
    }
  /** A party did something, or noticed it. */
  | { readonly kind: 'act'; readonly at: string; readonly label: string }
  /** Something happened to a party: it crashed, its connection was cut, its clock jumped. */
  | { readonly kind: 'fault'; readonly at: string; readonly label: string }
  /** What follows is something else: another way, another phase. */
  | { readonly kind: 'divider'; readonly label: string }

/** Labels longer than this are cut off: a diagram is for the eye, and the whole is in the trace. */
const LONGEST = 48

/** How near two parties stand at least. */
const NEAREST = 12

/**
 * Draws a diagram for a terminal: a column for each party, time going down.
 *
 * @example
 * import { drawText } from '@syncline/testing/simulate'
 *
 * const text = drawText({
 *   parties: ['A', 'B'],
 *   marks: [
 *     { kind: 'act', at: 'A', label: 'add' },
 *     { kind: 'message', from: 'A', to: 'B', label: 'A1' },
 *     { kind: 'fault', at: 'B', label: 'crash' },
 *   ],
 * })
 * expect(text.split('\n')).toEqual([
 *   'A           B',
 *   '│           │',
 *   '● add       │',
 *   '├────A1────▶│',
 *   '│           ✕ crash',
 * ])
 */
export function drawText({ parties, marks }: Drawing): string {
  const columns = columnsOf(parties, marks)
  const place = new Map(parties.map((party, at) => [party, columns[at]!]))
  const lifelines = (): string[] => {
    const line = Array.from({ length: columns.at(-1)! + 1 }, () => ' ')
    for (const column of columns) line[column] = '│'
    return line
  }
  const head: string[] = []
  parties.forEach((party, at) => put(head, columns[at]!, party))
  const lines = [head, lifelines()]
  for (const mark of marks) {
    const line = lifelines()
    if (mark.kind === 'divider') put(line, 0, `── ${short(mark.label)} `.padEnd(columns.at(-1)! + 1, '─'))
    else if (mark.kind === 'message' && mark.from !== mark.to)
      drawArrow(line, place.get(mark.from)!, place.get(mark.to)!, mark)
    else {
      const column = place.get(mark.kind === 'message' ? mark.to : mark.at)!
      const sign = mark.kind === 'fault' || (mark.kind === 'message' && mark.isLost) ? '✕' : '●'
      put(line, column, `${sign} ${short(mark.label)}`)
    }
    lines.push(line)
  }
  return lines
    .map((line) =>
      Array.from(line, (unit) => unit ?? ' ')
        .join('')
        .trimEnd(),
    )
    .join('\n')
}

/** Where each party stands: so far from the one before that what goes between the two, or is said by the first, has room. */
function columnsOf(parties: readonly string[], marks: readonly Mark[]): readonly number[] {
  const columns = [0]
  for (let at = 1; at < parties.length; at++) {
    const [left, right] = [parties[at - 1]!, parties[at]!]
    const wanted = marks.map((mark) => {
      if (mark.kind === 'divider') return 0
      const width = short(mark.label).length
      if (mark.kind !== 'message') return mark.at === left ? width + 4 : 0
      return (mark.from === left && mark.to === right) || (mark.from === right && mark.to === left) ? width + 6 : 0
    })
    columns.push(columns[at - 1]! + Math.max(NEAREST, left.length + 2, ...wanted))
  }
  return columns
}

function drawArrow(
  line: string[],
  from: number,
  to: number,
  { label, isLost = false }: { readonly label: string; readonly isLost?: boolean },
): void {
  const [low, high] = from < to ? [from, to] : [to, from]
  for (let at = low + 1; at < high; at++) line[at] = '─'
  line[from] = from < to ? '├' : '┤'
  if (from < to) line[high - 1] = isLost ? '✕' : '▶'
  else line[low + 1] = isLost ? '✕' : '◀'
  const room = high - low - 3
  const text = short(label).slice(0, Math.max(0, room))
  put(line, low + 2 + Math.floor((room - text.length) / 2), text)
}

function put(line: string[], column: number, text: string): void {
  for (let at = line.length; at < column; at++) line[at] = ' '
  Array.from(text).forEach((unit, at) => (line[column + at] = unit))
}

function short(label: string): string {
  const units = Array.from(label.replace(/\s+/g, ' '))
  return units.length <= LONGEST ? units.join('') : `${units.slice(0, LONGEST - 1).join('')}…`
}

/**
 * The same diagram as text for Mermaid, which web pages, editors and reviews draw.
 *
 * @example
 * import { drawMermaid } from '@syncline/testing/simulate'
 *
 * const text = drawMermaid({
 *   parties: ['A', 'B'],
 *   marks: [{ kind: 'message', from: 'A', to: 'B', label: 'A1; twice', isLost: true }],
 * })
 * expect(text).toBe('sequenceDiagram\n  participant p0 as A\n  participant p1 as B\n  p0-xp1: A1#59; twice')
 */
export function drawMermaid({ parties, marks }: Drawing): string {
  const id = (party: string): string => `p${parties.indexOf(party)}`
  const lines = parties.map((party) => `participant ${id(party)} as ${escaped(party)}`)
  for (const mark of marks) {
    const label = escaped(mark.label)
    if (mark.kind === 'message')
      lines.push(`${id(mark.from)}${mark.isLost === true ? '-x' : '->>'}${id(mark.to)}: ${label}`)
    else if (mark.kind === 'divider') {
      lines.push(`Note over ${[...new Set([parties[0]!, parties.at(-1)!])].map(id).join()}: ${label}`)
    } else lines.push(`Note over ${id(mark.at)}: ${mark.kind === 'fault' ? `✕ ${label}` : label}`)
  }
  return ['sequenceDiagram', ...lines.map((line) => `  ${line}`)].join('\n')
}

/** A label ends with its line, at a semicolon, and where a comment begins; codes stand for these. */
function escaped(label: string): string {
  const text = Array.from(label.replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim(), (unit) =>
    UNFIT.includes(unit) ? `#${unit.codePointAt(0)!};` : unit,
  ).join('')
  return text === '' ? '·' : text
}

/** What means something to Mermaid or to HTML. */
const UNFIT = '#;<>&%{}"'
