// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardModel
import TensorCPU

/// `rahf_model`: a predictor, and what its caller wants done beside predicting.
final class ModelHandle: Handle {
    override class var typeName: String { "rahf_model" }

    let info: ModelInfo
    let maxBatch: Int
    let log: Log?
    let name: Text
    let digest: Text
    /// Nil only while it is being freed.
    private(set) var predictor: Predictor?
    private let release: (() -> Void)?

    /// - Parameter release: called once when the weights are no longer read.
    init(_ predictor: Predictor, _ options: ModelOptionsHandle, release: (() -> Void)?) {
        self.predictor = predictor
        self.release = release
        info = predictor.info
        maxBatch = options.options.maxBatch
        log = options.log
        name = Text(info.name)
        digest = Text(info.digest)
    }

    deinit {
        // The predictor's weights may be the caller's memory.
        predictor = nil
        release?()
    }

    /// Opens a model, and tells the log how that went.
    ///
    /// - Parameter options: NULL stands for the defaults.
    static func load(
        _ options: OpaquePointer?, release: (() -> Void)? = nil, _ folder: () throws(Failure) -> ModelFolder
    ) throws(Failure) -> ModelHandle {
        let options = options == nil ? ModelOptionsHandle() : try ModelOptionsHandle.get(options)
        do throws(Failure) {
            let started = ContinuousClock.now
            let predictor = try Predictor.load(try folder(), options: options.options)
            let info = predictor.info
            options.log?(
                .info,
                """
                loaded \(info.name), \(info.digest), \(info.parameterCount) weights, in \
                \(started.duration(to: .now).milliseconds) ms; \(options.options.threads) threads, \
                \(CPUEngine.instructionSet) kernels
                """)
            if !info.config.trained {
                options.log?(.warning, "\(info.name) was never trained: its numbers mean nothing")
            }
            return ModelHandle(predictor, options, release: release)
        } catch {
            options.log?(.error, "cannot load the model: \(error.message)")
            throw error
        }
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

@c @implementation
public func rahf_model_load(
    _ folder: UnsafePointer<CChar>!, _ options: OpaquePointer!, _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> rahf_status {
    attempt(giving: model, ModelHandle.typeName) { () throws(Failure) in
        guard let folder else { throw Failure(.invalidRequest, "the folder is NULL") }
        guard let path = String(validatingCString: folder), !path.isEmpty else {
            throw Failure(.invalidRequest, "the folder is empty or not UTF-8")
        }
        return try ModelHandle.load(options) { () throws(Failure) in
            do throws(WeightsError) { return try ModelFolder(path: path) } catch { throw Failure(error) }
        }
    }
}

@c @implementation
public func rahf_model_load_memory(
    _ config: UnsafeRawPointer!, _ config_size: Int, _ weights: UnsafeRawPointer!, _ weights_size: Int,
    _ vocabulary: UnsafeRawPointer!, _ vocabulary_size: Int, _ release: rahf_release_callback!,
    _ user: UnsafeMutableRawPointer!, _ options: OpaquePointer!, _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> rahf_status {
    attempt(giving: model, ModelHandle.typeName) { () throws(Failure) in
        let config = try Memory.copy(config, config_size, "config", limit: 16 << 20)
        let vocabulary = try Memory.copy(vocabulary, vocabulary_size, "vocabulary", limit: 1 << 30)
        let weights = try Memory.buffer(weights, weights_size, "weights", limit: 1 << 46)
        return try ModelHandle.load(options, release: release.map { release in { release(user) } }) {
            () throws(Failure) in
            do throws(WeightsError) {
                return try ModelFolder(config: config, weights: weights, vocabulary: vocabulary)
            } catch { throw Failure(error) }
        }
    }
}

@c @implementation
public func rahf_model_free(_ model: OpaquePointer!) {
    Handle.release(model)
}

@c @implementation
public func rahf_model_name(_ model: OpaquePointer!) -> UnsafePointer<CChar>! {
    ModelHandle.find(model)?.name.pointer ?? StaticText.empty
}

@c @implementation
public func rahf_model_digest(_ model: OpaquePointer!) -> UnsafePointer<CChar>! {
    ModelHandle.find(model)?.digest.pointer ?? StaticText.empty
}

@c @implementation
public func rahf_model_is_trained(_ model: OpaquePointer!) -> Int32 {
    ModelHandle.find(model)?.info.config.trained == true ? 1 : 0
}

@c @implementation
public func rahf_model_parameter_count(_ model: OpaquePointer!) -> UInt64 {
    UInt64(ModelHandle.find(model)?.info.parameterCount ?? 0)
}

@c @implementation
public func rahf_model_input_size(_ model: OpaquePointer!) -> UInt32 {
    UInt32(ModelHandle.find(model)?.info.config.image.size ?? 0)
}

@c @implementation
public func rahf_model_heatmap_size(_ model: OpaquePointer!) -> UInt32 {
    UInt32(ModelHandle.find(model)?.info.heatmapSize ?? 0)
}
