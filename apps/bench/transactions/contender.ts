/** What a contender is told to make: so many entities, each with a number and a title, and so many subscribers, each on one entity's number. */
export interface Size {
  readonly entities: number
  readonly subscribers: number
}

/** Whom a subscriber of a contender tells what it read. */
export type Hear = (subscriber: number, value: number) => void

/** One library, or one way of using it. */
export interface Contender {
  readonly name: string
  /** Whether a transaction can be given up as a whole. */
  readonly canRollBack: boolean
  /** Whether subscribers are told what a transaction wrote before it was given up, and then told that it was not so. */
  readonly showsWhatIsGivenUp?: boolean
  /** Makes entities 0, 1, 2 … with the number 0, and subscribers on the entities that `watched` names. Not timed. */
  open(size: Size, watched: (subscriber: number) => number, hear: Hear, mode: Mode): Opened | Promise<Opened>
}

/** Single writes in a row, or many in one transaction: for libraries that tell at once or gather, but not both. */
export type Mode = 'single' | 'many'

/** A store of entities that is open. */
export interface Opened {
  /** One transaction that gives one entity's number a new value, and has told whoever subscribes to it when it returns or resolves. */
  write(entity: number, value: number): void | Promise<void>
  /** The same for many entities in one transaction. */
  writeMany(entities: readonly number[], value: number): void | Promise<void>
  /** The same, given up when everything has been written. */
  giveUp?(entities: readonly number[], value: number): void | Promise<void>
  /** The number of an entity now. */
  read(entity: number): number
}

/** What a body throws that gives its transaction up. */
export const givenUp: Error = new Error('given up')

/** Runs what is expected to throw `givenUp`. */
export function expectGivenUp(body: () => void): void {
  try {
    body()
  } catch (error) {
    if (error === givenUp) return
    throw error
  }
  throw new Error('A transaction that was to be given up was not.')
}

/** Calls `make` for 0, 1, 2 … */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
