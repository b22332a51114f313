import FoundationEssentials
import Glibc
import RewardModel
import RewardTestSupport
import RewardTraining
import Testing

@Suite struct ResumeTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    /// Crops first, then whole images with every augmentation: all that a run draws at random.
    private func config(checkpointEvery: Int) -> TrainingConfig {
        TrainingConfig(
            seed: 7, optimizer: .init(averageDecay: 0.9),
            stages: [
                StageConfig(
                    name: "crops", steps: 3, crop: 32, bypassTransformers: true, pairs: 2, singles: 0,
                    learningRate: 1e-3, schedule: .cosine, warmUp: 1, losses: .init(hinge: 1, words: 0),
                    scores: [.plausibility], heatmaps: [.implausibility],
                    augmentation: .init(crop: 0, jitter: 0.5, grey: 0.5, flip: 0.5)),
                StageConfig(
                    name: "whole", steps: 4, pairs: 1, singles: 2, accumulate: 2, rehearsalPairs: 1, rehearsalCrop: 32,
                    rehearsalWeight: 0.5, learningRate: 1e-3, warmUp: 2,
                    losses: Sample.losses, freeze: ["vit.stem"],
                    augmentation: .init(crop: 0.5, jitter: 0.5, grey: 0.3, flip: 0.3)),
            ], checkpointEvery: checkpointEvery, validateEvery: 3, validationItems: 4)
    }

    private func trainer(_ name: String, threads: Int = 2, checkpointEvery: Int = 2) throws -> Trainer {
        let data = "\(scratch.path)/data"
        if access(data, F_OK) != 0 { try Sample.data(pairs: 5, in: data) }
        let model = try Sample.model(.multiHead, tagger: true, in: scratch.path)
        return try Trainer(
            config: config(checkpointEvery: checkpointEvery), start: model,
            data: try Sample.training(data, for: model), validation: try Sample.training(data, for: model),
            out: "\(scratch.path)/\(name)", options: .init(threads: threads, format: .float32))
    }

    private func weights(_ name: String) throws -> [UInt8] {
        try RewardTraining.readFile("\(scratch.path)/\(name)/model/model.safetensors")
    }

    @Test func aRunThatWasStoppedEndsWithTheBitsOfOneThatWasNot() throws {
        #expect(try trainer("whole").run() == .finished)
        let expected = try weights("whole")
        for stop in [1, 3, 4, 6] {
            let name = "stopped-\(stop)"
            let first = try trainer(name)
            var last = 0
            let outcome = try first.run(
                report: { if case .step(let step) = $0 { last = step.step } }, shouldStop: { last == stop })
            #expect(outcome == .stopped(step: stop))
            let second = try trainer(name)
            #expect(second.step == stop)
            #expect(try second.run() == .finished)
            #expect(try weights(name) == expected, "stopped after step \(stop)")
        }
    }

    @Test func aRunThatVanishedGoesOnFromItsLastCheckpoint() throws {
        struct Vanished: Error {}
        #expect(try trainer("whole").run() == .finished)
        for end in [3, 5] {
            let name = "vanished-\(end)"
            // What a killed process leaves: its checkpoints, and a log that is ahead of them.
            let copy = "\(scratch.path)/\(name)"
            var last = 0
            _ = try trainer(name).run(
                report: { if case .step(let step) = $0 { last = step.step } }, shouldStop: { last == end })
            let store = CheckpointStore(folder: "\(copy)/checkpoints")
            let newest = try #require(store.steps.last)
            removeFolder(store.path(newest))
            mkdir("\(store.path(newest)).partial", 0o755)
            let again = try trainer(name)
            #expect(again.step == end - 1)
            #expect(try again.run() == .finished)
            #expect(try weights(name) == weights("whole"), "vanished after step \(end)")
        }
    }

    @Test func theWeightsDoNotDependOnTheThreads() throws {
        #expect(try trainer("one", threads: 1).run() == .finished)
        for threads in [2, 3] {
            #expect(try trainer("\(threads)", threads: threads).run() == .finished)
            #expect(try weights("\(threads)") == weights("one"))
        }
    }

    @Test func anotherConfigurationOrADamagedCheckpointIsRefused() throws {
        #expect(try trainer("run").run() == .finished)
        #expect(
            throws: TrainingError.otherRun(
                path: "\(scratch.path)/run/checkpoints", reason: "its configuration differs")
        ) {
            _ = try trainer("run", checkpointEvery: 3)
        }
        let store = CheckpointStore(folder: "\(scratch.path)/run/checkpoints")
        let file = "\(store.path(try #require(store.steps.last)))/state.safetensors"
        var bytes = try RewardTraining.readFile(file)
        bytes[bytes.count - 1] ^= 1
        try RewardTraining.writeFile(bytes, to: file)
        #expect {
            _ = try trainer("run")
        } throws: { error in
            if case .malformedCheckpoint? = error as? TrainingError { true } else { false }
        }
    }

    @Test func aNumberThatIsNotFiniteNamesTheStepAndTheLastCheckpoint() throws {
        let data = "\(scratch.path)/data"
        try Sample.data(pairs: 2, in: data)
        let model = try Sample.model(.multiHead, in: scratch.path)
        let stage = StageConfig(
            name: "wild", steps: 50, singles: 2, learningRate: 1e30, schedule: .constant, warmUp: 0,
            augmentation: Sample.plain)
        let trainer = try Trainer(
            config: TrainingConfig(optimizer: .init(clipNorm: 0), stages: [stage], checkpointEvery: 1), start: model,
            data: try Sample.training(data, for: model), validation: nil, out: "\(scratch.path)/wild",
            options: .init(threads: 2))
        #expect {
            _ = try trainer.run()
        } throws: { error in
            guard case .nonFinite(let step, let what, let checkpoint)? = error as? TrainingError else { return false }
            return step >= 1 && !what.isEmpty && checkpoint == "\(scratch.path)/wild/checkpoints/step-0000000\(step)"
        }
    }
}
