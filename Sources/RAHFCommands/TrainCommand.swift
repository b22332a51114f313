import ArgumentParser
import Glibc
import RewardData
import RewardModel
import RewardTraining
import Synchronization

/// `rahf train`: a model from feedback data.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a model on feedback data.",
        discussion: """
            The output folder gets model/ (a model folder with what was learned so far), checkpoints/, log.csv, \
            loss.svg and train.json. The same command goes on from the last checkpoint after any interruption and ends \
            with the same weights to the bit. SIGTERM and SIGINT write a checkpoint and exit with 143 and 130.
            """)

    @Option(help: "The stages and their settings, as JSON; see Examples/train-mini.")
    var config: String
    @Option(
        parsing: .upToNextOption,
        help: "Data sets: folders with .tfrecord files and images (in themselves or in images/), or .tfrecord files.")
    var data: [String]
    @Option(parsing: .upToNextOption, help: "Data sets to measure on, never trained on.")
    var validation: [String] = []
    @Option(parsing: .upToNextOption, help: "Folders of images beside the data sets' own.")
    var images: [String] = []
    @Option(help: "JSON lines with prompts, for records without one.")
    var prompts: String?
    @Flag(help: "Leave bad records out and count them, instead of stopping at the first.")
    var skipBad = false
    @Option(help: "Model folder to start from.")
    var model: String
    @Option(help: "Folder of the run; made if missing.")
    var out: String
    @Option(help: "How the exported model stores weights: bfloat16, float16 or float32.")
    var format = "bfloat16"
    @Option(help: "Threads; the result does not depend on it. The default is the machine's processors.")
    var threads: Int?

    @Option(help: "Stop with a checkpoint after this step, as a success.")
    var until: Int?

    func run() throws {
        guard let format = SafetensorsWriter.Format(rawValue: format) else {
            throw ValidationError("--format is bfloat16, float16 or float32, not '\(format)'")
        }
        if let threads, !(1...Predictor.Options.maximumThreads).contains(threads) {
            throw ValidationError("--threads is \(threads); it must be 1 to \(Predictor.Options.maximumThreads)")
        }
        let threads = Predictor.Options(threads: threads).threads
        let settings = try TrainingConfig(json: try WholeFile.read(config))
        let start = try ModelFolder(path: model)
        let text = ModelText(config: start.config, tokenizer: try Tokenizer(modelPath: start.vocabularyPath))
        let options = TrainingData.Options(
            images: images, prompts: try prompts.map { try PromptTable(path: $0) }, skipBad: skipBad)
        let training = try TrainingData(data, for: text, options: options)
        let held = validation.isEmpty ? nil : try TrainingData(validation, for: text, options: options)
        if training.skipped.total > 0 { writeError("rahf: left out \(training.skipped.summary)") }
        print(
            "\(training.count) records, \(training.pairCount) pairs; \(held.map { "\($0.count) held out" } ?? "none held out")"
        )
        try makeFolders(out)
        StopSignal.install()
        let trainer = try Trainer(
            config: settings, start: start, data: training, validation: held, out: out,
            options: .init(threads: threads, format: format))
        if trainer.step > 0 { print("going on after step \(trainer.step)") }
        var lines = TrainingLines()
        if let until, trainer.step >= until { return print("step \(trainer.step) was reached before") }
        var step = trainer.step
        let outcome = try trainer.run(
            report: { report in
                if case .step(let taken) = report { step = taken.step }
                lines.show(report)
            }, shouldStop: { StopSignal.received != 0 || step == until })
        switch outcome {
        case .finished: print("\(out)/model: trained for \(trainer.step) steps")
        case .stopped(let step):
            print("stopped after step \(step); the same command goes on from there")
            if StopSignal.received != 0 { throw ExitCode(128 + StopSignal.received) }
        }
    }
}

/// The signal that asked the process to end, noted for the training loop.
enum StopSignal {
    private static let number = Atomic<Int32>(0)

    static var received: Int32 { number.load(ordering: .relaxed) }

    static func install() {
        for kind in [SIGTERM, SIGINT] {
            signal(kind) { StopSignal.number.store($0, ordering: .relaxed) }
        }
    }
}

/// Progress for people: one line that is written over on a terminal, one every ten seconds elsewhere.
struct TrainingLines {
    private let isTerminal = isatty(1) != 0
    private var lastShown = -1e9

    mutating func show(_ report: TrainingReport) {
        switch report {
        case .step(let step):
            let time = Self.now()
            let interval = isTerminal ? 0.5 : 10
            guard time - lastShown >= interval || step.step == step.steps else { return }
            lastShown = time
            let parts = step.parts.map { "\($0.name) \(Self.number($0.value, 4))" }.joined(separator: " ")
            let line =
                "step \(step.step)/\(step.steps) \(step.stage)  loss \(Self.number(step.loss, 4)) (\(parts))  "
                + "\(Self.number(step.itemsPerSecond, 0)) examples/s  \(Self.clock(step.secondsLeft)) left"
            print(isTerminal ? "\r\u{1b}[K\(line)" : line, terminator: isTerminal && step.step < step.steps ? "" : "\n")
        case .validation(let report):
            var parts: [String] = []
            if let accuracy = report.pairAccuracy { parts.append("pairs \(Self.number(accuracy, 3))") }
            for kind in ScoreKind.allCases {
                if let value = report.correlation[kind] { parts.append("\(kind.rawValue) \(Self.number(value, 3))") }
            }
            for kind in HeatmapKind.allCases {
                if let value = report.shuffledArea[kind] {
                    parts.append("\(kind.rawValue) AUC \(Self.number(value, 3))")
                }
            }
            if let words = report.words {
                parts.append(
                    "words F1 \(Self.number(words.f1, 3)) (P \(Self.number(words.precision, 2)) "
                        + "R \(Self.number(words.recall, 2)))")
            }
            print("\(isTerminal ? "\r\u{1b}[K" : "")held out at step \(report.step): \(parts.joined(separator: ", "))")
        }
        fflush(nil)
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func number(_ value: Double, _ places: Int) -> String {
        let scale = pow(10, Double(places))
        let rounded = (value.magnitude * scale).rounded()
        guard rounded < 1e15 else { return "\(value)" }
        let (whole, part) = (Int(rounded) / Int(scale), Int(rounded) % Int(scale))
        let digits = String(part)
        let fraction = places == 0 ? "" : "." + String(repeating: "0", count: places - digits.count) + digits
        return (value < 0 && rounded > 0 ? "-" : "") + "\(whole)\(fraction)"
    }

    private static func clock(_ seconds: Double) -> String {
        let total = Int(min(max(seconds, 0), 1e8).rounded())
        let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }
}
