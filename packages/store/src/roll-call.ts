import {
  hasMark,
  MARK_BYTES,
  markHead,
  MARKS_BELOW,
  marksBelow,
  markTree,
  rollId,
  type Frame,
} from '@syncline/protocol'
import type { Basis } from '@syncline/stm'

/** A channel that is to be opened. */
export interface Opening {
  readonly channel: number
  readonly space: string
  readonly basis: Basis
  /** Whether a checkpoint does as well as the log. */
  readonly isNew: boolean
}

/** What opens a channel by itself. */
export function openingOf({ channel, space, basis, isNew }: Opening): Frame[] {
  const open: Frame = { type: 'open', channel, space, basis }
  return isNew ? [{ type: 'newcomer', channel }, open] : [open]
}

/** What a roll call needs of its line. */
export interface RollCallSide {
  send(frames: readonly Frame[]): void
  /** Whether anybody has that channel still. */
  isTaken(channel: number): boolean
  /** A channel is open, as if the relay had said so on it. */
  onOpen(answer: Extract<Frame, { type: 'basis' }>): unknown
  /** All of them are open, or asked for by themselves. */
  onEnd(): void
}

/** Opens many channels together: on which of them there is anything to be told is found out by comparing two trees, from the root down. So it costs by those, and not by all. */
export interface RollCall {
  /** All that is said about the roll is said on this channel. */
  readonly channel: number
  begin(): void
  /** Takes what the relay says about it. Throws `RangeError` when that cannot be so. */
  receive(frame: Frame): void
}

/** The roll call of `openings`, one or more, whose spaces ascend by UTF-16 code units and whose channels count up. */
export function createRollCall(openings: readonly Opening[], side: RollCallSide): RollCall {
  const { send, isTaken, onOpen, onEnd } = side
  const { channel } = openings[0]!
  const names = openings.map(({ space }) => space)
  const marks = new Uint8Array(MARK_BYTES * openings.length)
  openings.forEach(({ basis }, place) => markHead(marks, place, basis))
  const tree = markTree(marks)
  /** What the relay was asked for: what is below these marks of a level, which are others there. */
  let level = tree.length - 1
  let nodes: readonly number[] = [0]

  function compare(told: Uint8Array): void {
    const differing: number[] = []
    let i = 0
    for (const node of nodes) {
      const first = MARKS_BELOW * node
      const end = first + marksBelow(tree, level, node).length / MARK_BYTES
      for (let place = first; place < end; place++) {
        if (!hasMark(tree, level - 1, place, told, i++)) differing.push(place)
      }
    }
    if (told.length !== MARK_BYTES * i || differing.length === 0)
      throw new RangeError(`The relay has told ${told.length} bytes about ${i} marks of which one at least is another.`)
    level -= 1
    nodes = differing
    if (level > 0) send([{ type: 'below', channel, level, nodes }])
    else end(new Set(differing), [{ type: 'stand', channel }])
  }

  /** Opens what differs by itself; all others stand open. */
  function end(differing: ReadonlySet<number>, then: readonly Frame[]): void {
    const opens = openings.filter((opening, place) => differing.has(place) && isTaken(opening.channel))
    send([...opens.flatMap(openingOf), ...then])
    onEnd()
    openings.forEach((opening, place) => {
      if (differing.has(place) || !isTaken(opening.channel)) return
      const { relaySeq: head, writers } = opening.basis
      onOpen({ type: 'basis', channel: opening.channel, head, writers })
    })
  }

  return {
    channel,
    begin: () => send([{ type: 'roll', channel, roll: rollId(names), count: names.length, root: tree.at(-1)! }]),
    receive(frame) {
      switch (frame.type) {
        case 'unnamed':
          return send([{ type: 'names', channel, names }])
        case 'marks':
          return compare(frame.marks)
        case 'stand':
          return end(new Set(), [])
        case 'singly':
          return end(new Set(names.keys()), [])
      }
    },
  }
}
