/**
 * Timelines of packets with expectations, and replays of captures.
 *
 * Here: the scenario file and its schema, its run before a judge (the engine; the kernel's judge lives in `linux`),
 * what was expected against what came, captures through a host. Not here: reading files, clocks, and how reports
 * look (`cli`).
 */
export { EngineJudge } from './engine-judge.ts'
export { compareExpectation, type Mismatch } from './expect.ts'
export { readScenario } from './read.ts'
export { Replay, type ReplayedPacket } from './replay.ts'
export { type CaseReport, runCase, type StepReport } from './run.ts'
export { runScenario, type ScenarioOptions, type ScenarioOutcome } from './run-scenario.ts'
export type * from './scenario.ts'
export { scenarioJsonSchema } from './schema.ts'
