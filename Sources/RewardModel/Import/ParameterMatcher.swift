/// Pairs the weights that a configuration calls for with a checkpoint's tensors, and keeps account of what is left.
struct ParameterMatcher {
    /// What a weight is called in the checkpoint.
    struct Source {
        /// Names it may have; the first present one counts.
        var names: [String]
        /// Its shape there: ours, or ours with ones behind.
        var shape: [Int]
    }

    let checkpoint: Checkpoint
    /// By our names.
    private(set) var found: [String: CheckpointTensor] = [:]
    private var used: Set<String> = []
    private var missing: [String] = []
    private var misshapen: [String] = []

    init(_ checkpoint: Checkpoint) {
        self.checkpoint = checkpoint
    }

    /// Looks one weight up.
    mutating func match(_ name: String, _ source: Source) {
        guard let there = source.names.first(where: { checkpoint.tensors[$0] != nil }),
            let tensor = checkpoint.tensors[there]
        else { return missing.append(source.names[0]) }
        used.insert(there)
        if case .other(let type) = tensor.dtype {
            misshapen.append("\(there) is \(type), not F32, F16 or BF16")
        } else if tensor.shape != source.shape {
            misshapen.append("\(there) is \(tensor.shape), not \(source.shape)")
        } else {
            found[name] = tensor
        }
    }

    /// Closes the account: the names that were left aside because they are known to be of no use here.
    ///
    /// - Throws: `ImportError.mismatch` with every name that is missing, misshapen or unknown.
    func finish(ignoring isKnown: (String) -> Bool) throws(ImportError) -> [String] {
        let left = checkpoint.tensors.keys.filter { !used.contains($0) }.sorted()
        let extra = left.filter { !isKnown($0) }
        guard missing.isEmpty, misshapen.isEmpty, extra.isEmpty else {
            throw .mismatch(
                path: checkpoint.path, missing: missing.sorted(), misshapen: misshapen.sorted(), extra: extra)
        }
        try checkStorage()
        return left
    }

    /// Views of one storage may overlap, as tied weights do; a small file must not become an enormous model that way.
    private func checkStorage() throws(ImportError) {
        let files = Dictionary(found.values.map { (ObjectIdentifier($0.file), $0.file.bytes.count) }) { size, _ in size
        }
        let (stored, wanted) = (files.values.reduce(0, +), found.values.reduce(0) { $0 + $1.byteCount })
        guard wanted <= 4 * stored else {
            throw .unsupported(
                path: checkpoint.path, reason: "its tensors take \(wanted) bytes, its files hold only \(stored)")
        }
    }
}

extension Checkpoint {
    /// A tensor's shape, where sizes are taken from it.
    ///
    /// - Throws: `ImportError.mismatch` when it is missing or has another number of axes, or an absurd one.
    func shape(_ names: [String], axes: Int) throws(ImportError) -> [Int] {
        guard let name = names.first(where: { tensors[$0] != nil }), let tensor = tensors[name] else {
            throw .mismatch(path: path, missing: [names[0]], misshapen: [], extra: [])
        }
        guard tensor.shape.count == axes, tensor.shape.allSatisfy({ $0 < 1 << 31 }) else {
            throw .mismatch(
                path: path, missing: [], misshapen: ["\(name) is \(tensor.shape), not of \(axes) axes"], extra: [])
        }
        return tensor.shape
    }

    /// Layers numbered from 0 right behind `prefix` in the tensors' names: the highest number plus one.
    func layerCount(_ prefixes: [String]) -> Int {
        var count = 0
        for name in tensors.keys {
            for prefix in prefixes where name.hasPrefix(prefix) {
                let digits = name.dropFirst(prefix.count).prefix { $0.isNumber }
                if let number = Int(digits), number < 1 << 20 { count = max(count, number + 1) }
            }
        }
        return count
    }
}
