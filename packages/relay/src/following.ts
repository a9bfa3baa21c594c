import {
  concatenated,
  hasMark,
  MARK_BYTES,
  marksBelow,
  rollId,
  type FailureCode,
  type Frame,
  type MarkTree,
} from '@syncline/protocol'
import type { Outbox } from './outbox.ts'
import type { Roll } from './roll.ts'
import type { Rolls } from './rolls.ts'
import type { Subscription } from './subscription.ts'

/** The session that follows a roll. */
export interface Follower {
  readonly outbox: Outbox
  /** Why it cannot follow these spaces, on these channels, beside what it follows already. */
  clashOf(roll: Roll, following: Following): string | undefined
  /** Follows one of its spaces like everybody else from now on, from that relaySeq on; undefined: from the end of the log. */
  follow(channel: number, space: string, relaySeq: number): Subscription
  /** As `follow`, where the room does not know of it yet. */
  enter(channel: number, space: string, relaySeq: number): void
  /** Whether it may follow all of these. Rejects when that cannot be found out. */
  mayRead(spaces: readonly string[]): boolean | Promise<boolean>
  /** Whether somebody shows something of themselves in a space. */
  isShown(space: string): boolean
  /** Ends the whole session. */
  end(code: FailureCode, message: string): void
  flush(): void
}

/** What a client says to find out which of its spaces differ. */
type RollFrame = Frame & { readonly type: 'roll' }

/**
 * One session that follows the spaces of a roll. First both find those in which the client does not stand at the end of the log, from the root of two trees down; these it opens by itself. In all others it
 * stands there and nothing is kept for them; until something happens in a space, or the client says something there: then that channel becomes one like any other.
 */
export class Following {
  /** The channel of the first space; those of the others come after it. */
  readonly channel: number
  readonly count: number
  readonly #id: string
  readonly #root: Uint8Array
  readonly #follower: Follower
  readonly #rolls: Rolls
  #phase: 'unnamed' | 'reading' | 'comparing' | 'standing' | 'over' = 'reading'
  #roll: Roll | undefined
  /** What is compared: where the logs ended when that began. */
  #tree: MarkTree | undefined
  /** The level of which marks may be asked about. */
  #level = 0
  /** Where the logs ended then that have gone on since, by their places. */
  readonly #moved = new Map<number, number | undefined>()
  /** The places of channels that are none of the roll's any more: opened by themselves, left, or like any other by now. */
  readonly #gone = new Set<number>()

  constructor({ channel, count, roll, root }: RollFrame, follower: Follower, rolls: Rolls) {
    this.channel = channel
    this.count = count
    this.#id = roll
    this.#root = root.slice()
    this.#follower = follower
    this.#rolls = rolls
  }

  /** How many channels it has. */
  get size(): number {
    return this.#phase === 'over' ? 0 : this.count - this.#gone.size
  }

  /** Begins to compare, or asks for the names first. */
  begin(): void {
    const roll = this.#rolls.join(this.#id, this)
    if (roll !== undefined) return void this.#compare(roll)
    this.#phase = 'unnamed'
    this.#follower.outbox.say({ type: 'unnamed', channel: this.channel })
  }

  /** The client says what spaces they are. */
  name(names: readonly string[]): void {
    if (this.#phase !== 'unnamed') return this.#malformed('Nobody has asked for the names of this roll.')
    if (names.length !== this.count || rollId(names) !== this.#id)
      return this.#malformed(`These ${names.length} names are not those of roll ${this.#id}.`)
    void this.#compare(this.#rolls.found(this.#id, names, this))
  }

  async #compare(roll: Roll): Promise<void> {
    const { channel } = this
    const { outbox } = this.#follower
    this.#phase = 'reading'
    this.#roll = roll
    if (roll.names.length !== this.count)
      return this.#malformed(`Roll ${roll.id} has ${roll.names.length} spaces, and not ${this.count}.`)
    const clash = this.#follower.clashOf(roll, this)
    if (clash !== undefined) return this.#malformed(clash)
    try {
      // What it says about spaces is for those who may follow them all.
      const may = this.#follower.mayRead(roll.names)
      if (!(may instanceof Promise ? await may : may)) throw new Error('There are others among them.')
      await this.#rolls.read(roll)
    } catch {
      // Who opens a space is told what is wrong with the storage, or that it is not theirs to follow.
      if (this.#phase !== 'reading') return
      this.end()
      outbox.say({ type: 'singly', channel })
      return this.#follower.flush()
    }
    if (this.#phase !== 'reading') return
    const tree = roll.tree()
    if (hasMark(tree, tree.length - 1, 0, this.#root, 0)) {
      outbox.say({ type: 'stand', channel })
      this.#stand()
    } else {
      this.#phase = 'comparing'
      this.#tree = tree
      this.#level = tree.length - 2
      outbox.say({ type: 'marks', channel, marks: marksBelow(tree, tree.length - 1, 0) })
    }
    this.#follower.flush()
  }

  /** Tells what is below marks of the level that was told last. */
  tellBelow(level: number, nodes: readonly number[]): void {
    const tree = this.#tree
    if (this.#phase !== 'comparing' || tree === undefined || level !== this.#level || level < 1)
      return this.#malformed(`Nobody was told marks of level ${level} last.`)
    if (MARK_BYTES * nodes.at(-1)! >= tree[level]!.length)
      return this.#malformed(`There is no mark ${nodes.at(-1)} on level ${level} of this roll.`)
    this.#level = level - 1
    const marks = concatenated(nodes.map((node) => marksBelow(tree, level, node)))
    this.#follower.outbox.say({ type: 'marks', channel: this.channel, marks })
  }

  /** The client has compared, and opened what differs. */
  stand(): void {
    if (this.#phase !== 'comparing') return this.#malformed('There is nothing that was compared.')
    this.#stand()
  }

  #stand(): void {
    const roll = this.#roll!
    this.#phase = 'standing'
    this.#tree = undefined
    for (let at = 0; at < this.count; at++) {
      if (this.#gone.has(at)) continue
      const hasMoved = this.#moved.has(at)
      const relaySeq = hasMoved ? this.#moved.get(at) : roll.relaySeqAt(at)
      const space = roll.names[at]!
      if (relaySeq === undefined)
        return this.#malformed(`You have not opened ${JSON.stringify(space)}, of which you were told that it differs.`)
      if (!hasMoved && !this.#follower.isShown(space)) continue
      this.#gone.add(at)
      this.#follower.enter(this.channel + at, space, relaySeq)
    }
    this.#moved.clear()
  }

  /** Makes a channel one like any other, as something is to be told on it; undefined when it is none of the roll's, or the client does not follow yet. */
  claim(at: number): Subscription | undefined {
    const roll = this.#roll
    const relaySeq = roll?.relaySeqAt(at)
    if (this.#phase !== 'standing' || this.#gone.has(at) || roll === undefined || relaySeq === undefined)
      return undefined
    this.#gone.add(at)
    return this.#follower.follow(this.channel + at, roll.names[at]!, relaySeq)
  }

  /** Takes a channel back that was like any other, as the client stands there at the end of the log. False when it was never one of the roll's, or is not known to. */
  takeBack(channel: number, relaySeq: number): boolean {
    const at = channel - this.channel
    if (this.#phase !== 'standing' || this.#roll?.relaySeqAt(at) !== relaySeq) return false
    return this.#gone.delete(at)
  }

  /** The log of a space is about to go on. */
  onMove(at: number): void {
    if (this.#phase === 'comparing' && !this.#moved.has(at)) this.#moved.set(at, this.#roll!.relaySeqAt(at))
  }

  /** Whether a channel is one of those of the roll. */
  has(channel: number): boolean {
    const at = channel - this.channel
    return at >= 0 && at < this.count && !this.#gone.has(at) && this.#phase !== 'over'
  }

  /** The spaces of the roll, as far as they are known. */
  get names(): readonly string[] {
    return this.#roll?.names ?? []
  }

  /** The space that has a channel of the roll. */
  spaceOn(channel: number): string | undefined {
    return this.#roll?.names[channel - this.channel]
  }

  /** The channel on which it follows a space, if it does. */
  channelOf(space: string): number | undefined {
    const at = this.#roll?.placeOf(space)
    return at === undefined || !this.has(this.channel + at) ? undefined : this.channel + at
  }

  /** The client opens a channel by itself. False when it may not now. */
  open(channel: number): boolean {
    if (this.#phase !== 'comparing') return false
    this.leave(channel)
    return true
  }

  leave(channel: number): void {
    this.#gone.add(channel - this.channel)
  }

  /** Follows nothing any more. */
  end(): void {
    this.#phase = 'over'
    if (this.#roll !== undefined) this.#rolls.leave(this.#roll, this)
  }

  #malformed(message: string): void {
    this.#follower.end('malformed', message)
  }
}
