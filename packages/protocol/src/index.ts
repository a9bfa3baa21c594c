// Versions and limits
export { agreeProtocol } from './versions.ts'
export type { SpokenVersions } from './versions.ts'
export {
  MAX_ACKNOWLEDGED,
  MAX_CHANGE_BYTES,
  MAX_CHECKPOINT_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_PACKET_BYTES,
  MAX_PACKET_FRAMES,
  MAX_ROLL_SPACES,
  MAX_SPACE_NAME_LENGTH,
  MAX_VALUE_LEVELS,
  MIN_MESSAGE_BYTES,
  OLDEST_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
} from './limits.ts'

// Names of spaces
export { isSpaceName, SPACE_NAME_RULE } from './space.ts'

// Bytes
export { concatenated } from './concatenated.ts'

// Values
export { decodeValue, encodeValue } from './value.ts'

// Change records
export {
  decodeChange,
  decodeChangeInSteps,
  decodeHeader,
  encodeChange,
  recordAuthor,
  recordChecksum,
} from './change.ts'
export type { DecodedChange } from './change.ts'
export type { ChangeHeader, TouchedRef } from './header.ts'
export type { Inherited } from './inherited.ts'

// What a client had of a log that the relay has lost
export { entriesOfJoin, isCovered, joinBytes } from './join-piece.ts'
export type { Covered, Decided, JoinPiece } from './join-piece.ts'
export { joinFlaw } from './join-flaw.ts'
export { broughtBackBytes, broughtBackIn, decidedBytes, decidedCells } from './decided.ts'
export type { BroughtBack, DecidedBeside } from './decided.ts'
export type { Adoption, Taken } from './adoption.ts'

// What must be so before a Change is accepted
export { contentId } from './content.ts'
export type { ContentId } from './content.ts'
export type { Expectation, ListExpectation, MembersExpectation, RefExpectation } from './expectation.ts'

// Frames
export { CLOSE_CODES } from './frame.ts'
export type { FailureCode, Frame, RefusalCode } from './frame.ts'
export { encodeFrame, encodeFrameBody, frameFromBody } from './layouts.ts'

// The stretches of a log
export { epochAt } from './stretches.ts'
export type { Stretch } from './stretches.ts'

// Rolls: the spaces of one connection, and where they stand
export { encodeNames, rollId } from './names.ts'
export { hasMark, MARK_BYTES, markHead, MARKS_BELOW, marksBelow, markTree, markTreeWith, markUnknown } from './marks.ts'
export type { Head, MarkTree } from './marks.ts'

// Messages
export { createFrameReader, encodeFrames, packFrames } from './message.ts'
export type { FrameReader, FrameReaderOptions } from './message.ts'

// Entries of the log on a client's disk, and what rests beside a record there
export {
  createCellsEntry,
  decodeEntry,
  encodeEntry,
  encodeWhole,
  entriesIn,
  isOfCells,
  isOfDirectory,
  isOfSpare,
  isPartOfCheckpoint,
} from './entry.ts'
export { gatherRows } from './rows.ts'
export type { RowsGathering } from './rows.ts'
export type {
  CellsEntry,
  CheckpointEntry,
  CommitsEntry,
  EndedEntry,
  JoinEntry,
  JoinedEntry,
  LogEntry,
  PartOfCheckpoint,
  RestEntry,
  RowsEntry,
  RunEntry,
  SingleEntry,
  WholeEntry,
} from './entry.ts'
export { goesOn } from './run.ts'
export type { RunChange } from './run.ts'
export { decodeNoteBody, encodeNoteBody } from './note-body.ts'
export type { NoteBody } from './note-body.ts'
export { asleepMissing, asleepOf, noSleeping, noteSleeping, pendingIn, spareWith } from './asleep.ts'
export type { AsleepPending, KeptPending, KeptRun, Sleeping, SpareAsleep } from './asleep.ts'
export type {
  Directory,
  KeptEnvelope,
  KeptNote,
  KeptRefused,
  Ledger,
  Named,
  OlderNote,
  Rest,
  SleepingParts,
} from './rest.ts'
export { decodeLocal, encodeLocal, noLocalPart } from './local.ts'
export type { LocalPart } from './local.ts'

// Checksums
export { crc32c } from './crc32c.ts'

// Errors
export { ProtocolError } from './errors.ts'
export type { ProtocolErrorCode } from './errors.ts'
