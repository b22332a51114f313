import FoundationEssentials
import Glibc
import RewardTestSupport
import Testing

/// `rahf train` as a process that can be killed.
@Suite struct TrainTests {
    private static let vocabulary = "\(RAHFProcess.model)/spiece.model"

    private func rahf(_ arguments: String, wrapper: String = "") -> Int32 {
        let program = "\(Fixtures.repository)/.build/release/rahf"
        guard let pipe = popen("\(wrapper) \(program) \(arguments) >/dev/null 2>&1", "r") else { return -1 }
        return pclose(pipe) >> 8
    }

    private func setUp(_ folder: String, steps: Int) throws {
        #expect(rahf("synthesize --out \(folder)/data --size 64 --count 8 --seed 3") == 0)
        #expect(rahf("create --preset tiny --tokenizer \(Self.vocabulary) --out \(folder)/start") == 0)
        let config = """
            {"checkpoint_every":4,"stages":[{"name":"all","steps":\(steps),"singles":2,"learning_rate":1e-3,"warm_up":5}]}
            """
        try Data(config.utf8).write(to: URL(filePath: "\(folder)/train.json"))
    }

    private func train(_ folder: String, _ out: String, wrapper: String = "") -> Int32 {
        rahf(
            "train --config \(folder)/train.json --data \(folder)/data --model \(folder)/start --out \(folder)/\(out)",
            wrapper: wrapper)
    }

    @Test func killedAtAnyMomentItEndsWithTheSameWeights() throws {
        let temporary = try TemporaryFolder()
        let folder = temporary.path
        defer { withExtendedLifetime(temporary) {} }
        try setUp(folder, steps: 40)
        #expect(train(folder, "whole") == 0)
        var random = SystemRandomNumberGenerator()
        var killed = 0
        for _ in 0..<12 {
            let seconds = Double.random(in: 0.1...0.9, using: &random)
            if train(folder, "killed", wrapper: "timeout -s KILL \(seconds)") == 0 { break }
            killed += 1
        }
        #expect(killed > 0 && train(folder, "killed") == 0)
        let weights = ["whole", "killed"].map {
            FileManager.default.contents(atPath: "\(folder)/\($0)/model/model.safetensors")
        }
        #expect(weights[0] != nil && weights[0] == weights[1], "after \(killed) kills")
    }

    @Test func aTermSignalWritesACheckpointAndSaysSo() throws {
        let temporary = try TemporaryFolder()
        let folder = temporary.path
        defer { withExtendedLifetime(temporary) {} }
        try setUp(folder, steps: 100_000)
        #expect(train(folder, "run", wrapper: "timeout --preserve-status -s TERM 2") == 143)
        let checkpoints = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/run/checkpoints")) ?? []
        #expect(!checkpoints.isEmpty && checkpoints.allSatisfy { !$0.hasSuffix(".partial") })
        #expect(rahf("info --model \(folder)/run/model") == 0)
    }

    @Test func withoutANamedModelTheShippedOneAnswers() {
        let run = RAHFProcess.run("info", environment: "env -u RAHF_MODEL")
        #expect(run.code == 0 && run.output.contains("rahf-mini"))
        let score = RAHFProcess.run(
            "score --prompt 'a red cat' --format json \(RAHFProcess.picture)", environment: "env -u RAHF_MODEL")
        #expect(score.code == 0 && score.output.contains("plausibility") && !score.output.contains("untrained_model"))
    }
}
