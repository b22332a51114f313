import ArgumentParser
import Glibc
import RewardModel
import RewardServer
import TensorCPU

/// `rahf`: scores images, differentiates scores, and makes and describes models.
struct RAHF: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rahf",
        abstract: "Rich human feedback for generated images: scores, heatmaps, misaligned words and their gradients.",
        version: rahfVersion,
        subcommands: [
            ScoreCommand.self, GradientCommand.self, RerankCommand.self,
            ServeCommand.self, KeygenCommand.self, ProxyCommand.self, RecordCommand.self, ReplayCommand.self,
            LoadTestCommand.self, DemoCommand.self,
            InfoCommand.self, CreateCommand.self, ImportCommand.self, GraftCommand.self,
            SynthesizeCommand.self, ConsolidateCommand.self, TrainCommand.self, EvaluateCommand.self,
            TokenizeCommand.self, BenchmarkCommand.self, BenchmarkMasksCommand.self,
        ])
}

/// The options that choose a model.
struct ModelOptions: ParsableArguments {
    @Option(help: "Model folder. The default is the environment's RAHF_MODEL, then the rahf-mini that ships.")
    var model: String?

    @Option(help: "Threads. The default is the machine's processors.")
    var threads: Int?

    @Option(
        help: """
            float32, bfloat16 or int8: what products compute in, where the processor can. The lower ones are faster and \
            less exact; the model's digest then ends in +bfloat16 or +int8.
            """, transform: Self.precision)
    var precision: Precision?

    private static func precision(_ text: String) throws -> Precision {
        guard let known = Precision(rawValue: text) else {
            let all = Precision.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--precision is '\(text)', none of \(all)")
        }
        return known
    }

    func path() throws -> String {
        if let model { return model }
        if let found = environmentVariable("RAHF_MODEL") { return found }
        if let shipped = DefaultModel.path() { return shipped }
        throw ValidationError("no model: give --model DIR, set RAHF_MODEL, or make one with 'rahf create'")
    }

    func load(maxBatch: Int = 8) throws -> Predictor {
        let path = try path()
        return try Predictor.load(
            folder: path,
            options: .init(threads: try checkedThreads(), maxBatch: maxBatch, precision: precision ?? .float32))
    }

    func checkedThreads() throws -> Int? {
        if let threads, !(1...Predictor.Options.maximumThreads).contains(threads) {
            throw ValidationError("--threads is \(threads); it must be 1 to \(Predictor.Options.maximumThreads)")
        }
        return threads
    }
}

/// The options that choose a model here or behind a server.
struct ScorerOptions: ParsableArguments {
    @OptionGroup var modelOptions: ModelOptions

    @Option(help: "Ask the model behind 'rahf serve' at this address, as tcp://127.0.0.1:5555 or ipc://PATH.")
    var server: String?
    @OptionGroup var securityOptions: ClientSecurityOptions
    @Option(help: "Seconds one request to the server may take.")
    var serverTimeout = 120

    func validate() throws {
        guard
            server == nil
                || (modelOptions.model == nil && modelOptions.threads == nil && modelOptions.precision == nil)
        else {
            throw ValidationError("--server has its own model, threads and precision")
        }
        guard server != nil || securityOptions.curveServer == nil else {
            throw ValidationError("--curve-server needs --server")
        }
        guard (1...86_400).contains(serverTimeout) else {
            throw ValidationError("--server-timeout is \(serverTimeout), not in 1...86400")
        }
    }

    func load() throws -> any Scorer {
        guard let server else { return try modelOptions.load() }
        guard server.hasPrefix("tcp://") || server.hasPrefix("ipc://") else {
            throw ValidationError("--server takes tcp://HOST:PORT or ipc://PATH, not '\(server)'")
        }
        return try RemoteScorer(
            server, policy: RetryPolicy(timeout: .seconds(serverTimeout)), security: try securityOptions.load())
    }
}

/// Runs the command that the process was called with.
public func runRAHF() {
    checkInstructionSet("rahf")
    RAHF.main()
}

/// Runs `make-inpaint-masks` with the process's arguments.
public func runMakeInpaintMasks() async {
    checkInstructionSet("make-inpaint-masks")
    await MakeInpaintMasksCommand.main()
}

/// Runs `select-finetune-data` with the process's arguments.
public func runSelectFinetuneData() {
    checkInstructionSet("select-finetune-data")
    SelectFinetuneDataCommand.main()
}

/// Ends the process when the environment asks for instructions that the machine has not.
private func checkInstructionSet(_ tool: String) {
    do { try CPUEngine.checkInstructionSet() } catch {
        writeError("\(tool): \(error)")
        exit(EX_USAGE)
    }
}
