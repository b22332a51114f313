import Glibc
import Synchronization
public import TensorCPU
import TensorGraph

/// A loaded model that answers items. Safe to call from any thread; calls take turns.
///
/// A result has the same bits alone or in any batch, in any order and at any thread count.
public final class Predictor: Scorer {
    public struct Options: Sendable {
        /// More threads than this only cost memory.
        public static let maximumThreads = 256

        /// Threads that share the work, 1 to `maximumThreads`. The default is the machine's processors.
        public var threads: Int
        /// Most items of one pass. The default is 8; more costs memory and gains little.
        public var maxBatch: Int
        /// What products compute in. The default is float32, the only one that agrees with PyTorch's float32 to 1e-4.
        /// Where the processor lacks another, float32 takes its place: `Predictor.info` says which it is.
        public var precision: Precision

        public init(threads: Int? = nil, maxBatch: Int = 8, precision: Precision = .float32) {
            let wanted = threads ?? Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
            self.threads = min(max(wanted, 1), Self.maximumThreads)
            self.maxBatch = max(maxBatch, 1)
            self.precision = precision
        }
    }

    public let info: ModelInfo
    private let options: Options
    private let config: ModelConfig
    private let tokenizer: Tokenizer
    private let core: Mutex<PredictorCore>

    /// Opens a model folder. Weights are mapped, and packed when an output first needs them.
    ///
    /// - Throws: `Failure` with `invalidModel` or `fileError`, naming the file or tensor at fault, or with
    ///   `invalidRequest` when the environment's `RAHF_ISA` names an instruction set that cannot be had.
    public static func load(folder path: String, options: Options = Options()) throws(Failure) -> Predictor {
        let folder: ModelFolder
        do { folder = try ModelFolder(path: path) } catch { throw Failure(error) }
        return try load(folder, options: options)
    }

    /// Makes a predictor of a checked folder, or of its files' bytes in memory.
    ///
    /// - Throws: `Failure` with `invalidModel`, or with `invalidRequest` when the environment's `RAHF_ISA` names an
    ///   instruction set that cannot be had.
    public static func load(_ folder: ModelFolder, options: Options = Options()) throws(Failure) -> Predictor {
        do { try CPUEngine.checkInstructionSet() } catch { throw Failure(.invalidRequest, error.description) }
        let tokenizer: Tokenizer
        do {
            let path = folder.path.isEmpty ? "spiece.model" : folder.vocabularyPath
            tokenizer = try Tokenizer(model: folder.vocabulary, path: path)
        } catch { throw Failure(error) }
        return Predictor(folder, tokenizer, options)
    }

    private init(_ folder: ModelFolder, _ tokenizer: Tokenizer, _ options: Options) {
        let config = folder.config
        self.config = config
        self.tokenizer = tokenizer
        self.options = options
        let engine = CPUEngine(source: folder.weights, threads: options.threads, precision: options.precision)
        info = ModelInfo(
            name: config.name, digest: ModelInfo.digest(folder.digest, engine.precision), config: config,
            parameterCount: folder.weights.tensors.values.map { $0.shape.reduce(1, *) }.reduce(0, +),
            heatmapSize: config.heatmapSize)
        core = Mutex(
            PredictorCore(config: config, tokenizer: tokenizer, engine: engine))
    }

    public func predict(_ items: [PredictionItem]) -> [Result<Prediction, Failure>] {
        var results = [Result<Prediction, Failure>](
            repeating: .failure(Failure(.internalError, "not computed")), count: items.count)
        // Items that want the same outputs and are about as long share passes.
        var groups: [Group: [(index: Int, item: PreparedItem)]] = [:]
        var last: PreparedItem?
        for (index, item) in items.enumerated() {
            do throws(Failure) {
                let prepared = try PreparedItem(item, config: config, tokenizer: tokenizer, before: last)
                last = prepared
                let group = Group(outputs: item.outputs, length: (prepared.ids.count + 15) / 16)
                groups[group, default: []].append((index, prepared))
            } catch { results[index] = .failure(error) }
        }
        for (group, members) in groups {
            for start in stride(from: 0, to: members.count, by: options.maxBatch) {
                let chunk = Array(members[start..<min(start + options.maxBatch, members.count)])
                for (member, result) in zip(chunk, predict(chunk.map(\.item), group.outputs)) {
                    results[member.index] = result
                }
            }
        }
        return results
    }

    private struct Group: Hashable {
        var outputs: Outputs
        var length: Int
    }

    private func predict(_ items: [PreparedItem], _ outputs: Outputs) -> [Result<Prediction, Failure>] {
        core.withLock { core in Self.predict(items, outputs, core) }
    }

    private static func predict(
        _ items: [PreparedItem], _ outputs: Outputs, _ core: PredictorCore
    ) -> [Result<Prediction, Failure>] {
        do throws(Failure) {
            var predictions =
                outputs.isEmpty
                ? items.map { Prediction(notes: $0.notes) } : try core.predict(items, outputs)
            var results: [Result<Prediction, Failure>] = []
            for (index, item) in items.enumerated() {
                do throws(Failure) {
                    if let objective = item.item.objective {
                        predictions[index].gradient = try core.gradient(item, objective)
                    }
                    results.append(.success(predictions[index]))
                } catch { results.append(.failure(error)) }
            }
            return results
        } catch {
            // One item's overflow must not cost its batch mates their answers.
            if items.count == 1 { return [.failure(error)] }
            return items.flatMap { predict([$0], outputs, core) }
        }
    }
}

extension ModelConfig {
    /// Side of the heatmaps in pixels: the patch grid, doubled by each deconvolution.
    public var heatmapSize: Int {
        (image.size / vit.patchSize) << heatmapHead.deconvolutions.count
    }
}

extension SafetensorsFile: ParameterSource {
    public func parameter(named name: String) -> ParameterView? {
        guard let entry = tensors[name], let bytes = bytes(of: name) else { return nil }
        let format: ParameterView.Format
        switch entry.dtype {
        case .float32: format = .float32
        case .float16: format = .float16
        case .bfloat16: format = .bfloat16
        case .other: return nil
        }
        return ParameterView(format: format, shape: Shape(entry.shape), bytes: bytes)
    }
}
