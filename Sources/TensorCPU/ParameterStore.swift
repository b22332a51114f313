import Synchronization
import TensorGraph

/// Weights as the kernels want them: packed once per orientation, shared by all programs of an engine.
///
/// A program asks for all its weights, which gives them their memory, and then has them filled together: every thread
/// reads, checks and packs pieces of them, each page of the source once. Weights of linear layers wait: their first
/// product packs panel by panel into a thread's own memory, so that one pass writes no copy; their second packs them for
/// good.
final class ParameterStore {
    /// A weight row by row, or packed.
    private struct Key: Hashable {
        var name: String
        var packing: Packing?
        var precision: Precision
        /// Left where it lies.
        var isTable = false
    }

    private let source: any ParameterSource
    private let pool: ThreadPool
    private var memory = GrowingMemory()
    private var weights: [Key: StoredWeight] = [:]
    /// Asked for and not yet filled, in the order they were asked for.
    private var wanted: [StoredWeight] = []
    /// Elements from which on a table is not copied: a prompt reads few of a vocabulary's rows.
    private static let smallestTable = 1 << 20
    /// Bytes of the source read since its pages were last released.
    private var unreleased = 0
    /// How many there may be, or be read at once: a file and its packed copy would else be resident together.
    private static let mostUnreleased = 64 << 20

    init(source: any ParameterSource, pool: ThreadPool) {
        self.source = source
        self.pool = pool
    }

    /// The weight as float32, row by row, once `fill` has returned.
    func floats(_ name: String, _ shape: Shape) throws(EngineError) -> UnsafeMutablePointer<Float> {
        let weight = try weight(Key(name: name, packing: nil, precision: .float32), shape)
        want(weight)
        return weight.target
    }

    /// A table of rows, once `fill` has returned: where it lies in the source, if it is large and can be read there.
    func table(_ name: String, _ shape: Shape) throws(EngineError) -> UnsafePointer<Float> {
        guard shape.count >= Self.smallestTable, let floats = source.parameter(named: name)?.floats else {
            return UnsafePointer(try self.floats(name, shape))
        }
        let weight = try weight(Key(name: name, packing: nil, precision: .float32, isTable: true), shape, at: floats)
        want(weight)
        return floats
    }

    /// The weight packed for a product, once `fill` has returned. Only linear packings know other precisions than float32.
    func packed(
        _ name: String, _ shape: Shape, _ packing: Packing, _ precision: Precision = .float32
    ) throws(EngineError) -> UnsafeMutablePointer<Float> {
        let weight = try weight(Key(name: name, packing: packing, precision: precision), shape)
        want(weight)
        return weight.target
    }

    /// The weight of a linear layer, to be asked for its `unpacked` form at each product.
    func linear(
        _ name: String, _ shape: Shape, _ packing: Packing, _ precision: Precision
    ) throws(EngineError) -> StoredWeight {
        let weight = try weight(Key(name: name, packing: packing, precision: precision), shape)
        if weight.view.floats == nil { want(weight) }
        return weight
    }

    private func weight(
        _ key: Key, _ shape: Shape, at floats: UnsafePointer<Float>? = nil
    ) throws(EngineError) -> StoredWeight {
        if let known = weights[key] { return known }
        guard let view = source.parameter(named: key.name) else { throw .missingParameter(key.name) }
        guard view.shape == shape else { throw .misshapenParameter(key.name, expected: shape, actual: view.shape) }
        let packing = key.packing.map { WeightPacking(shape, $0, key.precision) }
        let target = floats.map { UnsafeMutablePointer(mutating: $0) } ?? memory.take(packing?.count ?? shape.count)
        let weight = StoredWeight(key.name, view, packing, target)
        weights[key] = weight
        return weight
    }

    private func want(_ weight: StoredWeight) {
        if weight.isFilled || weight.isWanted { return }
        weight.isWanted = true
        wanted.append(weight)
    }

    // MARK: The first product

    /// The weight as it lies in the source, for its first product; nil when it is packed, as it is for the second.
    func unpacked(_ weight: StoredWeight) throws(EngineError) -> UnsafePointer<Float>? {
        if weight.isFilled { return nil }
        if !weight.wasRead, let floats = weight.view.floats { return floats }
        want(weight)
        try fill()
        return nil
    }

    /// Checks the weight's panels and hands each on, packed, in memory of the worker.
    ///
    /// - Parameter scratch: `WeightPacking.panelSize` floats for each worker.
    func readOnce(
        _ weight: StoredWeight, _ floats: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>,
        _ body: (_ panel: Int, _ packed: UnsafePointer<Float>) -> Void
    ) throws(EngineError) {
        guard let packing = weight.packing else { return }
        let bad = FirstOf()
        parallel(packing.panels, reading: weight.view.bytes.count) { panel, worker in
            let memory = scratch + worker * packing.panelSize
            guard packing.isFinite(floats, panel..<panel + 1) else { return bad.note(panel) }
            packing.pack(floats, panel: panel, alone: memory)
            body(panel, memory)
        }
        if bad.index != nil { throw .nonFiniteParameter(weight.name) }
        weight.wasRead = true
    }

    // MARK: Filling

    /// Fills all that was asked for.
    ///
    /// - Throws: `EngineError.nonFiniteParameter`, naming the first that holds a NaN or an infinity.
    func fill() throws(EngineError) {
        var rest = wanted[...]
        while let first = rest.first {
            var (count, bytes) = (1, first.view.bytes.count)
            for form in rest.dropFirst() {
                bytes += form.view.bytes.count
                if bytes > Self.mostUnreleased { break }
                count += 1
            }
            let part = Array(rest.prefix(count))
            if let bad = fill(part) {
                discard()
                throw .nonFiniteParameter(part[bad].name)
            }
            for form in part { (form.isFilled, form.isWanted) = (true, false) }
            rest = rest.dropFirst(count)
            wanted = Array(rest)
        }
    }

    /// Forgets what was asked for and not filled: a program that cannot be made must not cost another one that can.
    func discard() {
        for form in wanted { form.isWanted = false }
        wanted = []
    }

    /// Lets the operating system drop the file's pages, once a program is complete or has run.
    func releasePages() {
        if unreleased > 0 { source.releasePages() }
        unreleased = 0
    }

    /// Elements that one piece of work converts.
    private static let piece = 1 << 18

    /// The place of the first with a value that is not finite, or nil when all are filled.
    private func fill(_ part: [StoredWeight]) -> Int? {
        let bad = FirstOf()
        // What kernels cannot read as it lies becomes float32, a weight to be packed in memory of its own.
        var converted: [FloatBuffer?] = []
        var conversions: [(form: Int, target: UnsafeMutablePointer<Float>, elements: Range<Int>)] = []
        var packings: [(form: Int, panels: Range<Int>)] = []
        for (index, form) in part.enumerated() {
            let isReadable = form.packing != nil && form.view.floats != nil
            let buffer = form.packing != nil && !isReadable ? FloatBuffer(count: form.view.shape.count) : nil
            converted.append(buffer)
            if !isReadable {
                let count = form.view.shape.count
                for start in stride(from: 0, to: count, by: Self.piece) {
                    conversions.append(
                        (index, buffer?.pointer ?? form.target, start..<min(start + Self.piece, count)))
                }
            }
            if let packing = form.packing {
                packings += packing.pieces.map { (index, $0) }
            }
        }
        let bytes = part.reduce(0) { $0 + $1.view.bytes.count }
        parallel(conversions.count, reading: bytes) { piece, _ in
            let (index, target, elements) = conversions[piece]
            if !part[index].view.convert(elements, to: target) { bad.note(index) }
        }
        parallel(packings.count, reading: bytes) { piece, _ in
            let (index, panels) = packings[piece]
            guard let packing = part[index].packing else { return }
            if let copy = converted[index] {
                packing.pack(copy.pointer, into: part[index].target, panels)
            } else if let floats = part[index].view.floats {
                // Checked just before it is packed, so that the values come from memory once.
                if !packing.isFinite(floats, panels) { bad.note(index) }
                packing.pack(floats, into: part[index].target, panels)
            }
        }
        return bad.index
    }

    /// Pieces of work that read so many bytes of the source. Meanwhile one of the threads lets go of the pages read
    /// before, when they have become too many; a page that is read again comes back.
    private func parallel(_ count: Int, reading bytes: Int, _ body: (_ piece: Int, _ worker: Int) -> Void) {
        if count == 0 { return }
        guard unreleased > 0, unreleased + bytes > Self.mostUnreleased else {
            unreleased += bytes
            pool.parallel(count, body)
            return
        }
        unreleased = bytes
        let source = source
        pool.parallel(count + 1) { piece, worker in
            if piece > 0 { body(piece - 1, worker) } else { source.releasePages() }
        }
    }
}

/// One weight in one form, its memory, and what has become of it.
final class StoredWeight {
    let name: String
    let view: ParameterView
    /// Nil for a weight row by row.
    let packing: WeightPacking?
    /// Written to once; never, if it is where the source has the values.
    let target: UnsafeMutablePointer<Float>
    fileprivate(set) var isFilled = false
    fileprivate var isWanted = false
    /// Whether its first product has read it, and found its values finite.
    fileprivate var wasRead = false

    fileprivate init(
        _ name: String, _ view: ParameterView, _ packing: WeightPacking?, _ target: UnsafeMutablePointer<Float>
    ) {
        (self.name, self.view, self.packing, self.target) = (name, view, packing, target)
    }
}

/// The lowest of the numbers that threads note.
private final class FirstOf: Sendable {
    private let lowest = Atomic<Int>(.max)

    func note(_ index: Int) { lowest.min(index, ordering: .relaxed) }

    var index: Int? {
        let found = lowest.load(ordering: .relaxed)
        return found == .max ? nil : found
    }
}
