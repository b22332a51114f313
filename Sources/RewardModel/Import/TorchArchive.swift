/// The tensors of a file written by `torch.save` (PyTorch 1.6 and later): a ZIP archive with one pickle that names
/// them and one entry per storage.
enum TorchArchive {
    /// Pickles beyond this are refused; a state_dict of thousands of tensors takes a few hundred kilobytes.
    private static let maximumPickle = 64 << 20

    /// Keys under which training scripts keep the state_dict beside other things.
    private static let wrappers = ["state_dict", "model_state_dict"]

    /// True when the file starts as a ZIP archive does.
    static func matches(_ file: MappedFile) -> Bool {
        file.bytes.integer(at: 0, as: UInt32.self) == 0x0403_4b50
    }

    /// The state_dict in the file, plain or under `state_dict`; a `module.` before every name is dropped.
    ///
    /// - Throws: `ImportError`; a global that is not about tensors is refused by name.
    static func tensors(_ file: MappedFile, path: String) throws(ImportError) -> [String: CheckpointTensor] {
        let archive = try ZipArchive(file, path: path)
        let pickles = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") || $0 == "data.pkl" }
        guard pickles.count == 1, let pickle = pickles.first, let entry = archive.entries[pickle] else {
            throw .unsupported(path: path, reason: "it holds \(pickles.count) entries data.pkl, not one")
        }
        guard entry.range.count <= maximumPickle else {
            throw .unsupported(path: path, reason: "its pickle has \(entry.range.count) bytes")
        }
        try archive.verify(pickle, entry)
        let folder = String(pickle.dropLast("data.pkl".count))
        if let order = archive.entries["\(folder)byteorder"],
            !file.bytes[order.range].elementsEqual("little".utf8)
        {
            throw .unsupported(path: path, reason: "its numbers are not little-endian")
        }
        var reader = PickleReader(UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]), path: path)
        let root = try reader.read()
        var loader = StorageLoader(archive: archive, file: file, folder: folder, path: path)
        var tensors: [String: CheckpointTensor] = [:]
        for (name, value) in try stateDictionary(root, reader, path: path) {
            guard case .tensor(let tensor) = value else {
                throw .unsupported(path: path, reason: "\(name) is no tensor")
            }
            guard tensors.updateValue(try loader.load(tensor, name), forKey: name) == nil else {
                throw .malformed(path: path, reason: "it has two tensors \(name)")
            }
        }
        return withoutModulePrefix(tensors)
    }

    private static func stateDictionary(
        _ root: Int, _ reader: PickleReader, path: String
    ) throws(ImportError) -> [(name: String, value: PickleNode)] {
        func entries(_ index: Int) throws(ImportError) -> [(name: String, value: Int)] {
            guard case .dictionary(let pairs) = reader.nodes[index] else {
                throw .unsupported(path: path, reason: "it does not hold a state_dict")
            }
            var named: [(name: String, value: Int)] = []
            for pair in pairs {
                guard case .string(let name) = reader.nodes[pair.key] else {
                    throw .unsupported(path: path, reason: "it does not hold a state_dict")
                }
                named.append((name, pair.value))
            }
            return named
        }
        var named = try entries(root)
        if let wrapped = named.first(where: { wrappers.contains($0.name) }) { named = try entries(wrapped.value) }
        return named.map { ($0.name, reader.nodes[$0.value]) }
    }

    private static func withoutModulePrefix(_ tensors: [String: CheckpointTensor]) -> [String: CheckpointTensor] {
        let prefix = "module."
        guard tensors.keys.allSatisfy({ $0.hasPrefix(prefix) }) else { return tensors }
        return Dictionary(uniqueKeysWithValues: tensors.map { (String($0.key.dropFirst(prefix.count)), $0.value) })
    }
}

/// Finds tensors' storages and checks that they hold what the pickle says.
private struct StorageLoader {
    var archive: ZipArchive
    var file: MappedFile
    var folder: String
    var path: String
    private var verified: Set<String> = []

    init(archive: ZipArchive, file: MappedFile, folder: String, path: String) {
        self.archive = archive
        self.file = file
        self.folder = folder
        self.path = path
    }

    mutating func load(_ tensor: PickleTensor, _ name: String) throws(ImportError) -> CheckpointTensor {
        let storage = tensor.storage
        let dtype = TensorDType(storage.type)
        guard let size = dtype.size else {
            throw .unsupported(path: path, reason: "\(name) lies in a storage whose elements have no type")
        }
        let entryName = "\(folder)data/\(storage.key)"
        guard let entry = archive.entries[entryName] else {
            throw .malformed(path: path, reason: "\(name) needs the entry \(entryName), which is missing")
        }
        let (bytes, overflow) = storage.count.multipliedReportingOverflow(by: size)
        guard !overflow, bytes == entry.range.count else {
            throw .malformed(
                path: path, reason: "\(entryName) has \(entry.range.count) bytes for \(storage.count) \(storage.type)")
        }
        guard fits(tensor) else {
            throw .malformed(
                path: path,
                reason: "\(name) \(tensor.shape), strides \(tensor.strides) from \(tensor.offset), lies outside its "
                    + "\(storage.count) elements")
        }
        if verified.insert(entryName).inserted {
            try archive.verify(entryName, entry)
            file.releasePages()
        }
        return CheckpointTensor(
            dtype: dtype, shape: tensor.shape, strides: tensor.strides, file: file,
            start: entry.range.lowerBound + tensor.offset * size)
    }

    /// Every index lies in the storage, and there are no more of them than elements: a repeated (expanded) view could
    /// stand for any amount of memory.
    private func fits(_ tensor: PickleTensor) -> Bool {
        guard tensor.offset >= 0 else { return false }
        var (count, last) = (1, tensor.offset)
        for (extent, stride) in zip(tensor.shape, tensor.strides) {
            guard extent > 0, stride >= 0 else { return false }
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            let (reach, tooFar) = (extent - 1).multipliedReportingOverflow(by: stride)
            let (sum, beyond) = last.addingReportingOverflow(reach)
            guard !overflow, !tooFar, !beyond else { return false }
            (count, last) = (product, sum)
        }
        return count <= tensor.storage.count && last < tensor.storage.count
    }
}
