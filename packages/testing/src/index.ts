// Checking what transactions did
export { checkHistory, checkListAppend, checkRegisters } from './check.ts'
export type { CheckOptions, HistoryReport, Model } from './check.ts'
export type { Anomaly, AnomalyType } from './findings.ts'

// Histories, and recording them
export { createRecorder } from './recorder.ts'
export type { Attempt, Recorder, RecorderOptions } from './recorder.ts'
export type { History, ListOp, MemberOp, Op, Range, RegisterOp, Transaction, Unique } from './history.ts'

// Errors
export { TestingError } from './errors.ts'
export type { TestingErrorCode } from './errors.ts'
