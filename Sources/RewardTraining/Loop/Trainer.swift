import Glibc
public import RewardModel
import TensorCPU
import TensorGraph

/// Trains a model through the stages of a configuration; one run, from a start or from its last checkpoint.
///
/// The output folder holds `train.json`, `log.csv`, `loss.svg`, `checkpoints/`, `model/` (what was learned so far, a
/// model folder like any other) and a cache of decoded images. A run that was stopped, whichever way, goes on from its
/// last checkpoint when it is started again, and ends with the same weights to the bit as one that was not.
public final class Trainer {
    /// What a run is made of, beside its configuration.
    public struct Options: Sendable {
        /// Threads of the engine; results do not depend on it.
        public var threads: Int
        /// How the exported model stores its weights.
        public var format: SafetensorsWriter.Format

        public init(threads: Int, format: SafetensorsWriter.Format = .bfloat16) {
            self.threads = max(threads, 1)
            self.format = format
        }
    }

    /// How a run ended.
    public enum Outcome: Sendable, Equatable {
        case finished
        /// Asked to stop; a checkpoint was written at this step.
        case stopped(step: Int)
    }

    let config: TrainingConfig
    let start: ModelFolder
    let data: TrainingData
    let out: String
    let options: Options
    let engine: CPUEngine
    let optimizer: AdamW
    let trained: Set<String>
    package let store: CheckpointStore
    private let cache: ExampleCache
    private let validator: Validator?
    private(set) var state: RunState
    private var log: TrainingLog
    private let startedAt = now()

    /// Prepares a run: opens the start model, takes up the folder's last checkpoint if it has one.
    public init(
        config: TrainingConfig, start: ModelFolder, data: TrainingData, validation: TrainingData?, out: String,
        options: Options
    ) throws(TrainingError) {
        self.config = config
        self.start = start
        self.data = data
        self.out = out
        self.options = options
        try makeFolder(out)
        let engine = CPUEngine(source: start.weights, threads: options.threads)
        self.engine = engine
        let frozen = config.stages.map { $0.freeze.map { NamePattern($0) } }
        let specs = ParameterCatalogue.parameters(for: start.config)
        // Whatever some stage does not freeze may change.
        let variables = specs.filter { spec in frozen.contains { !$0.contains { $0.matches(spec.name) } } }
        guard !variables.isEmpty else { throw .invalidConfig("every weight is frozen") }
        let trained = Set(variables.map(\.name))
        self.trained = trained
        var memory: [(name: String, memory: UnsafeMutableBufferPointer<Float>)] = []
        do {
            for spec in variables { memory.append((spec.name, try engine.variable(spec.name, Shape(spec.shape)))) }
        } catch { throw .engine(error.description) }
        optimizer = AdamW(memory, config: config.optimizer, engine: engine)
        store = CheckpointStore(folder: "\(out)/checkpoints")
        let json = try config.json
        let origin = RunState.Origin(
            config: String(decoding: json, as: UTF8.self), model: start.digest, data: String(data.digest, radix: 16))
        let known = try store.read(into: optimizer, origin: origin)
        state = known ?? RunState(origin: origin)
        log = try TrainingLog(folder: out, from: state.step)
        try writeFile(json, to: "\(out)/train.json")
        cache = try ExampleCache(data: data, folder: out, config: start.config)
        validator = try validation.map { (data) throws(TrainingError) in
            try Validator(
                data: data, folder: out, config: start.config, items: config.validationItems, engine: engine,
                variables: trained)
        }
    }

    /// Steps taken before, when the folder's run was taken up.
    public var step: Int { state.step }

    /// Runs to the end, or until asked to stop.
    ///
    /// - Parameters:
    ///   - report: called after each step, and after each look at the validation data.
    ///   - shouldStop: asked after each step; true writes a checkpoint and ends the run.
    public func run(
        report: (TrainingReport) -> Void = { _ in }, shouldStop: () -> Bool = { false }
    ) throws(TrainingError) -> Outcome {
        var first = 0
        for (number, stage) in config.stages.enumerated() {
            let end = first + stage.steps
            if state.step < end {
                if try run(stage, number, first, report, shouldStop) == .stop {
                    try checkpoint()
                    return .stopped(step: state.step)
                }
            }
            first = end
        }
        return .finished
    }

    private enum StageEnd {
        case done, stop
    }

    private func run(
        _ stage: StageConfig, _ number: Int, _ first: Int, _ report: (TrainingReport) -> Void,
        _ shouldStop: () -> Bool
    ) throws(TrainingError) -> StageEnd {
        let maker = try BatchMaker(
            data: data, cache: cache, config: start.config, stage: stage, number: number, seed: config.seed)
        let loader = BatchLoader(
            maker, from: (state.step - first) * stage.passes, to: stage.steps * stage.passes)
        defer { loader.stop() }
        var stepper = StageStepper(
            stage: stage, config: start.config, engine: engine, variables: trained, optimizer: optimizer)
        var window = Window()
        var last = now()
        while state.step < first + stage.steps {
            let local = state.step - first
            let result = try stepper.step(
                local, total: state.step, loader: loader, lastCheckpoint: store.steps.last.map(store.path))
            state.step += 1
            let time = now()
            state.seconds += time - last
            window.add(result, seconds: time - last, items: stage.items * stage.accumulate)
            last = time
            report(
                .step(
                    TrainingReport.Step(
                        step: state.step, steps: config.totalSteps, stage: stage.name, loss: result.loss,
                        parts: result.parts, itemsPerSecond: window.itemsPerSecond,
                        secondsLeft: secondsLeft(first, stage, window))))
            if state.step % TrainingLog.interval == 0 {
                try log.append(window.row(step: state.step, stage: stage.name))
                window = Window()
            }
            let stop = shouldStop()
            let isLast = state.step == config.totalSteps
            if state.step % config.checkpointEvery == 0 || isLast { try checkpoint() }
            if let validator, state.step % config.validateEvery == 0 || isLast {
                optimizer.exchange()
                defer { optimizer.exchange() }
                let found = try validator.measure(step: state.step)
                report(.validation(found))
            }
            last = now()
            if stop, !isLast { return .stop }
        }
        return .done
    }

    /// Guessed from the present stage's speed; later stages are counted at the same speed per item.
    private func secondsLeft(_ first: Int, _ stage: StageConfig, _ window: Window) -> Double {
        let perItem = window.seconds / Double(max(window.items, 1))
        var items = Double((first + stage.steps - state.step) * stage.items * stage.accumulate)
        var start = 0
        for later in config.stages {
            // A pixel costs about the same in any stage.
            if start > first {
                let (side, mine) = (later.crop ?? startSide, stage.crop ?? startSide)
                items +=
                    Double(later.steps * later.items * later.accumulate) * Double(side * side) / Double(mine * mine)
            }
            start += later.steps
        }
        return perItem * items
    }

    private var startSide: Int { start.config.image.size }

    /// Writes a checkpoint, the plot, and the model as it is now.
    private func checkpoint() throws(TrainingError) {
        state.parameterSteps = [:]
        for slot in optimizer.slots where slot.steps > 0 { state.parameterSteps[slot.name] = slot.steps }
        try store.write(state, optimizer)
        try log.plot()
        try export(to: "\(out)/model")
    }

    /// Writes what was learned so far as a model folder: the moving average of the weights.
    public func export(to path: String) throws(TrainingError) {
        var model = start.config
        model.trained = true
        model.name = config.name ?? model.name.replacingSuffix("-untrained", with: "")
        let slots = Dictionary(uniqueKeysWithValues: optimizer.slots.map { ($0.name, $0) })
        let averaged = config.optimizer.averageDecay > 0
        let vocabulary = try readFile(start.vocabularyPath)
        do {
            try ModelFolder.write(at: path, config: model, vocabulary: vocabulary, format: options.format) { spec in
                guard let slot = slots[spec.name] else { return start.weights.floats(of: spec.name) ?? [] }
                let values = averaged && slot.steps > 0 ? slot.average : slot.values
                return Array(UnsafeBufferPointer(start: values, count: slot.count))
            }
        } catch { throw .weights(error) }
    }
}

extension String {
    fileprivate func replacingSuffix(_ suffix: String, with other: String) -> String {
        hasSuffix(suffix) ? dropLast(suffix.count) + other : self
    }
}
