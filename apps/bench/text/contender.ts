/** Position, number of characters to delete there, text to insert there. */
export type Edit = readonly [number, number, string]

/** One replica of one text. */
export interface Replica {
  /** Makes one edit as a transaction of its own. Returns what others need, and what is stored; nothing where it makes none. */
  edit(edit: Edit): unknown
  /** Takes in what another replica's `edit` returned. */
  receive?(update: unknown): void
  read(): string
  /** What is to be loaded later: the bytes of the text with all that happened to it. */
  save?(): unknown
  /** What was put off until later. */
  settled?(): Promise<void>
}

/** One library, or one way of using it. */
export interface Contender {
  readonly name: string
  /** Whether its replicas take in what others wrote, one edit after the other. */
  readonly receives: boolean
  open(writer: number): Replica | Promise<Replica>
  /** A replica of what was saved, read. */
  load?(saved: unknown): string | Promise<string>
}
