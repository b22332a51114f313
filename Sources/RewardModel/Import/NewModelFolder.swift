import Glibc

/// Where an imported weight's values come from.
enum ImportedWeight {
    case stored(CheckpointTensor)
    /// Float32 values made from the checkpoint's.
    case computed([Float])
    case fresh(ParameterSpec, seed: UInt64)

    var dtype: TensorDType {
        if case .stored(let tensor) = self { tensor.dtype } else { .float32 }
    }
}

/// A model folder that appears whole or not at all: written beside its place, then renamed.
struct NewModelFolder {
    private let path: String

    /// - Throws: `ImportError.outputExists` when something is there that is not an empty folder.
    init(_ path: String) throws(ImportError) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        guard access(path, F_OK) == 0 else { return }
        guard (try? Folders.names(path))?.isEmpty == true else { throw .outputExists(path: path) }
    }

    /// Writes the three files; on any failure nothing is left.
    func write(
        _ config: ModelConfig, vocabulary: [UInt8], _ weights: [String: ImportedWeight]
    ) throws(ImportError) {
        let specs = ParameterCatalogue.parameters(for: config)
        let partial = "\(path).partial-\(getpid())"
        guard mkdir(partial, 0o755) == 0 else { throw .weights(Self.failure(partial)) }
        do throws(WeightsError) {
            try ModelFolder.writeFile(try config.encoded(), to: "\(partial)/config.json")
            try ModelFolder.writeFile(vocabulary, to: "\(partial)/spiece.model")
            try SafetensorsWriter.write(
                specs.map { .init(name: $0.name, shape: $0.shape, dtype: weights[$0.name]?.dtype ?? .float32) },
                to: "\(partial)/model.safetensors"
            ) { entry, put in
                guard let weight = weights[entry.name] else {
                    preconditionFailure("\(entry.name) was paired with nothing")
                }
                weight.put(put)
            }
            guard rename(partial, path) == 0 else { throw Self.failure(path) }
        } catch {
            for name in ["config.json", "spiece.model", "model.safetensors"] { unlink("\(partial)/\(name)") }
            rmdir(partial)
            throw .weights(error)
        }
    }

    private static func failure(_ path: String) -> WeightsError {
        .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
}

extension ImportedWeight {
    /// Hands the values' bytes over, then lets go of the checkpoint's pages.
    fileprivate func put(_ body: (UnsafeRawBufferPointer) -> Void) {
        switch self {
        case .stored(let tensor):
            tensor.withBytes(body)
            tensor.file.releasePages()
        case .computed(let values): values.withUnsafeBytes(body)
        case .fresh(let spec, let seed): spec.values(seed: seed).withUnsafeBytes(body)
        }
    }
}
