import FoundationEssentials
import Glibc

/// All tensors of a published checkpoint: one file, or a folder as `save_pretrained` writes it.
struct Checkpoint {
    /// The file or folder, for messages.
    var path: String
    var tensors: [String: CheckpointTensor]

    /// Opens a `.safetensors` file or a `torch.save` archive, told apart by their first bytes.
    init(file path: String) throws(ImportError) {
        self.path = path
        tensors = try Self.read(path)
    }

    /// Opens a folder's `model.safetensors` or `pytorch_model.bin`, whole or in the shards their index lists.
    init(folder path: String) throws(ImportError) {
        self.path = path
        for name in ["model.safetensors", "pytorch_model.bin"] {
            if access("\(path)/\(name)", F_OK) == 0 {
                tensors = try Self.read("\(path)/\(name)")
                return
            }
            let index = "\(path)/\(name).index.json"
            if access(index, F_OK) == 0 {
                tensors = try Self.readShards(folder: path, index: index)
                return
            }
        }
        throw .unsupported(
            path: path, reason: "it has no model.safetensors or pytorch_model.bin, nor an index of their shards")
    }

    private static func read(_ path: String) throws(ImportError) -> [String: CheckpointTensor] {
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch { throw .weights(error) }
        if TorchArchive.matches(file) { return try TorchArchive.tensors(file, path: path) }
        // Protocol 2, then an integer of ten bytes: the magic number of PyTorch before 1.6.
        if file.bytes.prefix(4).elementsEqual([0x80, 0x02, 0x8a, 0x0a]) {
            throw .unsupported(
                path: path, reason: "it has PyTorch's layout from before 1.6; load it there and save it again")
        }
        do { return try SafetensorsFile(path: path).checkpointTensors } catch { throw .weights(error) }
    }

    private static func readShards(folder: String, index: String) throws(ImportError) -> [String: CheckpointTensor] {
        struct Index: Decodable {
            var weightMap: [String: String]
            enum CodingKeys: String, CodingKey { case weightMap = "weight_map" }
        }
        let map: [String: String] = try decodeJSON(Index.self, path: index).weightMap
        var tensors: [String: CheckpointTensor] = [:]
        for shard in Set(map.values).sorted() {
            guard !shard.contains("/"), shard != "..", shard != "." else {
                throw .malformed(path: index, reason: "it names the file \(shard), which lies outside its folder")
            }
            for (name, tensor) in try read("\(folder)/\(shard)") {
                guard tensors.updateValue(tensor, forKey: name) == nil else {
                    throw .malformed(path: index, reason: "two of its shards hold \(name)")
                }
            }
        }
        if let name = map.keys.filter({ tensors[$0] == nil }).min() {
            throw .malformed(path: index, reason: "no shard holds \(name)")
        }
        return tensors
    }
}

/// Reads a small JSON file.
func decodeJSON<T: Decodable>(_ type: T.Type, path: String) throws(ImportError) -> T {
    let bytes: [UInt8]
    do { bytes = try readFile(path) } catch { throw .weights(error) }
    do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
        throw .malformed(path: path, reason: "\(error)")
    }
}

extension SafetensorsFile {
    var checkpointTensors: [String: CheckpointTensor] {
        tensors.mapValues { entry in
            // A shape of elements of unknown size was not checked against the file: it is only ever named.
            let strides = entry.dtype.size == nil ? [] : CheckpointTensor.contiguousStrides(entry.shape)
            return CheckpointTensor(
                dtype: entry.dtype, shape: entry.shape, strides: strides, file: file, start: entry.range.lowerBound)
        }
    }
}
