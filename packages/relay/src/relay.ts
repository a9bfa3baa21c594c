import type { ChangeHeader } from '@syncline/protocol'
import type { Epoch } from '@syncline/stm'
import type { Adopted, AdoptOptions } from './adopting.ts'
import { createCommitter } from './committer.ts'
import { RelayError } from './errors.ts'
import { limitsWith } from './limits.ts'
import type { RelayLimits } from './limits.ts'
import { createLogReading } from './log-reading.ts'
import type { Outbox } from './outbox.ts'
import { createPacking } from './packing.ts'
import { createNewcomers, noNewcomers } from './newcomers.ts'
import type {
  Chance,
  Checkpoints,
  Clock,
  Connection,
  ConnectionEvents,
  Epochs,
  KeptRolls,
  LogStorage,
  RelayLog,
} from './ports.ts'
import { createRolls } from './rolls.ts'
import { Room, type RefuseContext, type RoomHost } from './room.ts'
import type { Authorize } from './rights.ts'
import { Session, type SessionHost } from './session.ts'
import type { Admission, ClientDetails } from './standing.ts'
import { createSilence } from './silence.ts'
import { randomId, silentLog, systemChance, systemClock } from './system.ts'
import { createWatching, type RelayHooks } from './watching.ts'

/** So many rooms are looked at when there is one too many: more than one, so that they become fewer, and few, so that it costs nothing where all have to stay. */
const LOOKS = 4

const STOPPING = 'The relay is stopping. Come back.'

/** What a relay is made of. */
export interface RelayOptions extends RelayHooks {
  /** Where the logs rest. The relay does not close it. */
  readonly storage: LogStorage
  /** Checkpoints of the logs, for who comes new to a space. Absent, they are told its log from the beginning. */
  readonly checkpoints?: Checkpoints
  /** The names of rolls. Absent, who follows many spaces says their names again after a restart. */
  readonly rolls?: KeptRolls
  readonly clock?: Clock
  readonly chance?: Chance
  /** The identities of what this relay writes. Absent, they are random, and whoever has met another relay may bring back what that had. */
  readonly epochs?: Epochs
  readonly log?: RelayLog
  readonly limits?: Partial<RelayLimits>
  /**
   * Says who a client is by the credential of its hello, and for how long. Absent, everybody is welcome, and `attachRelay` takes nobody from other machines.
   * When it throws, the client is told to come back later. With `untilMs` it is asked again with another credential before that, on the same connection.
   */
  readonly authenticate?: (credential: Uint8Array, client: ClientDetails) => Admission | Promise<Admission>
  /**
   * Says what somebody may do in a space. Absent, whoever is known may do everything. It is asked when somebody is to do it first, and the answer counts on that connection for as long
   * as the credential is good, or until `revoke`; when it throws, or takes longer than `helloTimeoutMs`, the client is told to come back later.
   */
  readonly authorize?: Authorize
  /**
   * Refuses a Change by who writes what. A refused Change ends its writer in that space. Called once for each Change, before it
   * is ordered; when it throws, the Change is neither refused nor taken and the client is told to come back later.
   */
  readonly refuse?: (
    header: ChangeHeader,
    context: RefuseContext,
  ) => { readonly code: string; readonly message: string } | undefined
}

/** A relay that knows no sockets. */
export interface Relay {
  /**
   * Takes a connection. Nothing that a client says through it throws, or disturbs another. Who knows already who the client is names the `principal`: then nobody asks for
   * a credential.
   */
  accept(connection: Connection, address?: string, principal?: string): ConnectionEvents
  /** Ends every connection of a principal, at once; whoever comes back is asked anew who they are, and what they may do. Returns how many these were. */
  revoke(principal: string): number
  /** Whether clients are asked who they are. */
  readonly asks: boolean
  /** Connections that are open, and spaces that are in memory. */
  readonly load: { readonly sessions: number; readonly rooms: number }
  /**
   * Adopts what a client has brought back of `relay` refs after the relay had lost it, or what the log has instead: they wait for that. Resolves when it is durable; whoever follows the space goes on from there.
   * Rejects with `RelayError`: `nothing-waits`, `too-large` (above 16 MiB), `storage-failed`, `closed`.
   */
  adopt(space: string, options: AdoptOptions): Promise<Adopted>
  /** Hears nothing any more, stores and acknowledges what it has heard, and sends everybody away. */
  close(): Promise<void>
}

/**
 * Makes a relay: it orders the Changes of each space, stores them, and only then acknowledges and forwards them.
 *
 * @example
 * import { createMemoryStorage, createRelay } from '@syncline/relay'
 * import { createFrameReader, encodeFrames, type Frame } from '@syncline/protocol'
 *
 * const relay = createRelay({ storage: createMemoryStorage() })
 * const reader = createFrameReader({ maxPacketBytes: 65_536 })
 * const heard: Frame[] = []
 * const client = relay.accept({ send: (message) => heard.push(...reader.push(message)), close() {}, bufferedBytes: 0 })
 * const hello: Frame = { type: 'hello', protocol: 1, oldest: 1, agent: 'example', schema: 1, credential: new Uint8Array(0) }
 * for (const message of encodeFrames([hello, { type: 'ping', token: 7 }], 65_536)) client.onMessage(message)
 * expect(heard.map((frame) => frame.type)).toEqual(['rolls', 'welcome', 'sent', 'pong'])
 * await relay.close()
 * expect(heard.at(-1)).toMatchObject({ type: 'failure', code: 'stopping' })
 */
export function createRelay(options: RelayOptions): Relay {
  const { storage, clock = systemClock, chance = systemChance } = options
  const watching = createWatching(options, clock, options.log ?? silentLog)
  const { log } = watching
  const limits = limitsWith(options.limits)
  const epochs: Epochs = options.epochs ?? { draw: () => randomId(chance), isOwn: () => true }
  const sessions = new Set<Session>()
  /** How many of them are from each address that is known. */
  const crowds = new Map<string, number>()
  const rooms = new Map<string, Room>()
  let awake: Outbox[] = []
  const committer = createCommitter(
    storage,
    clock,
    flush,
    (err, space) => log.error({ space, err }, 'What was stored could not be told. This is a defect of the relay.'),
    watching.stopwatch,
  )
  const rolls = createRolls({
    storage,
    maxIdleRollBytes: limits.maxIdleRollBytes,
    kept: options.rolls,
    headOf: (space) => rooms.get(space)?.head,
  })
  const packing = createPacking(limits.maxMessageBytes)
  const newcomers = options.checkpoints === undefined ? noNewcomers : createNewcomers(options.checkpoints, limits, log)
  const reading = createLogReading(storage, limits.maxFrameBytes)
  let isClosing = false
  let revocations = 0
  /** Under which this run writes, in all spaces: so that a log which lost what this run wrote, and has grown since, is told from one that did not. */
  let epoch: Epoch = epochs.draw()

  /** Everything that an event caused to be said leaves together: one message for each connection, if it fits. */
  function flush(): void {
    while (awake.length > 0) {
      const woken = awake
      awake = []
      for (const outbox of woken) outbox.flush()
    }
    packing.clear()
  }

  const roomHost: RoomHost = {
    storage,
    clock,
    limits,
    log,
    watching,
    committer,
    newcomers,
    rolls,
    refuse: (header, context) => options.refuse?.(header, context),
    drawId: () => randomId(chance),
    isOwnEpoch: (one) => epochs.isOwn(one),
    flush,
    forget: ({ space }) => drop(space),
    ruin({ space }) {
      drop(space)
      epoch = epochs.draw()
    },
  }

  function drop(space: string): void {
    rooms.delete(space)
    newcomers.forget(space)
    reading.forget(space)
  }

  function roomOf(space: string): Room {
    let room = rooms.get(space)
    if (room === undefined) {
      makeSpace()
      room = new Room(space, epoch, roomHost)
    } else rooms.delete(space)
    // Behind all others, as the one that was used last.
    rooms.set(space, room)
    return room
  }

  /** Where rooms are too many, looks at those first that nobody came to, and that were not looked at, for longest. */
  function makeSpace(): void {
    let looks = LOOKS
    for (const [space, room] of rooms) {
      if (rooms.size < limits.maxRooms || looks-- === 0) return
      rooms.delete(space)
      rooms.set(space, room)
      room.rest()
    }
  }

  const sessionHost: SessionHost = {
    clock,
    limits,
    reading,
    newcomers,
    log,
    watching,
    silence: createSilence(clock, limits.silenceTimeoutMs, flush),
    wake: (outbox) => void awake.push(outbox),
    flush,
    pack: packing.pack,
    authenticate: options.authenticate ?? (() => ({ principal: '' })),
    authorize: options.authorize,
    get revocations() {
      return revocations
    },
    rolls,
    elapsedMs: () => (clock.elapsedMs === undefined ? clock.nowMs() : clock.elapsedMs()),
    room: roomOf,
    isShown: (space) => rooms.get(space)?.isShown ?? false,
    forget,
  }

  function forget(session: Session): void {
    if (!sessions.delete(session)) return
    const left = (crowds.get(session.address) ?? 1) - 1
    if (left > 0) crowds.set(session.address, left)
    else crowds.delete(session.address)
  }

  return {
    asks: options.authenticate !== undefined,
    revoke(principal) {
      revocations += 1
      const theirs = [...sessions].filter((session) => session.isOf(principal))
      for (const session of theirs)
        session.end('unauthenticated', 'What you may do was withdrawn, or has changed. Connect again.')
      flush()
      log.info({ principal, sessions: theirs.length }, 'The rights of a principal are asked for anew.')
      return theirs.length
    },
    get load() {
      return { sessions: sessions.size, rooms: rooms.size }
    },
    accept(connection, address = '', principal) {
      const session = new Session(randomId(chance), connection, address, sessionHost, principal)
      const among = crowds.get(address) ?? 0
      const { maxSocketsPerAddress: most } = limits
      const isTooMany = most > 0 && address !== '' && among >= most
      if (!isTooMany) {
        sessions.add(session)
        if (most > 0) crowds.set(address, among + 1)
      }
      if (isClosing || isTooMany) {
        session.deafen()
        const crowded = `There are ${among} connections from your address already. Come back later.`
        // Whoever listens has to get the events first.
        queueMicrotask(() =>
          isClosing ? session.end('stopping', STOPPING) : session.end('too-busy', crowded, 'maxSocketsPerAddress'),
        )
      }
      return session
    },
    async adopt(space, how) {
      if (isClosing) throw new RelayError('closed', 'The relay is stopping. Ask the one that comes after it.')
      const adopted = await roomOf(space).adopt(how)
      watching.audit({ what: 'adoption', outcome: 'ok', space, message: `${how.take}, at Change ${adopted.relaySeq}` })
      return adopted
    },
    async close() {
      isClosing = true
      newcomers.close()
      for (const session of sessions) session.deafen()
      await Promise.all([...rooms.values()].map((room) => room.quiet()))
      for (const session of [...sessions]) session.end('stopping', STOPPING)
      await committer.idle()
    },
  }
}
