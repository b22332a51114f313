import ArgumentParser
import Glibc
import RewardModel
import TensorCPU

/// `rahf`: scores images, differentiates scores, and makes and describes models.
struct RAHF: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rahf",
        abstract: "Rich human feedback for generated images: scores, heatmaps, misaligned words and their gradients.",
        version: "0.1.0",
        subcommands: [
            ScoreCommand.self, GradientCommand.self, InfoCommand.self, CreateCommand.self, TokenizeCommand.self,
            BenchmarkCommand.self, SynthesizeCommand.self, TrainCommand.self,
        ])
}

/// The options that choose a model.
struct ModelOptions: ParsableArguments {
    @Option(help: "Model folder. The default is the environment's RAHF_MODEL.")
    var model: String?

    @Option(help: "Threads. The default is the machine's processors.")
    var threads: Int?

    func path() throws -> String {
        if let model { return model }
        if let found = environmentVariable("RAHF_MODEL") { return found }
        throw ValidationError("no model: give --model DIR, set RAHF_MODEL, or make one with 'rahf create'")
    }

    func load() throws -> Predictor {
        let path = try path()
        if let threads, !(1...Predictor.Options.maximumThreads).contains(threads) {
            throw ValidationError("--threads is \(threads); it must be 1 to \(Predictor.Options.maximumThreads)")
        }
        return try Predictor.load(folder: path, options: .init(threads: threads))
    }
}

/// Runs the command that the process was called with.
public func runRAHF() {
    do { try CPUEngine.checkInstructionSet() } catch {
        writeError("rahf: \(error)")
        exit(EX_USAGE)
    }
    RAHF.main()
}
