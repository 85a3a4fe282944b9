"""Pickles that do harm where they are loaded as usual, each a program of opcodes."""
import pickle
import struct

MULTIARRAY = b'cnumpy.core.multiarray\n'


def name(text):
    """Opcode of a short text."""
    return b'\x8c' + bytes([len(text)]) + text.encode()


def in_dict(value):
    """A dict with one proposal whose value is what the opcodes ``value`` leave."""
    return b'\x80\x04}' + name('v,0902') + value + b's.'


def call(function, *arguments):
    """Call a global 'module name' with opcodes as arguments."""
    return b'c' + function.replace(' ', '\n').encode() + b'\n(' + b''.join(arguments) + b'tR'


def number(value):
    return b'J' + struct.pack('<i', value)


DTYPE_OF_OBJECTS = call('numpy dtype', name('O8'), b'\x89\x88')
# Flags of 0: the dtype of objects then passes for one of plain bytes.
WITHOUT_FLAGS = DTYPE_OF_OBJECTS + b'(' + number(3) + name('|') + b'NNN' + number(-1) * 2 + number(0) + b'tb'
POINTER = b'C\x08' + struct.pack('<Q', 0x4141414141414141)
SCALAR = MULTIARRAY + b'scalar\n(' + WITHOUT_FLAGS + POINTER + b'tR'
EMPTY_ARRAY = call('numpy.core.multiarray _reconstruct', b'cnumpy\nndarray\n', b'(' + number(0) + b't', b'C\x01b')


def array(dtype, shape, data):
    """An array as numpy writes it, whatever the dtype, shape and bytes."""
    return EMPTY_ARRAY + b'(' + number(1) + b'(' + b''.join(map(number, shape)) + b't' + dtype + b'\x89' + data + b'tb'


FLOATS = call('numpy dtype', name('f8'), b'\x89\x88') + b'(' + number(3) + name('<') + b'NNN' + number(-1) * 2 + number(
    0) + b'tb'
NESTED = b')' + b'\x85' * 300_000  # a tuple in a tuple in a tuple ...

def again_and_again(remembered, program):
    """A list of what ``program`` makes 30,000 times of a text and functions that are remembered."""
    text = b'X' + struct.pack('<I', 100_000) + b'x' * 100_000
    memo = b''.join(part + b'\x94' for part in [text, *remembered])
    return b'\x80\x04' + memo + b'](' + program * 30_000 + b'e.'


# Each runs code, ends the process or takes gigabytes in pickle.loads.
CODE = {
    'os.system': in_dict(call('os system', name('touch called'))),
    'eval': in_dict(call('builtins eval', name('open("called", "w")'))),
    'exec': in_dict(call('builtins exec', name('open("called", "w")'))),
    'protocol 0': b"(dS'v,0902'\ncposix\nsystem\n(S'touch called'\ntRs.",
    'INST': b"(S'touch called'\niposix\nsystem\n.",
    'OBJ': b"(cposix\nsystem\nS'touch called'\no.",
    'STACK_GLOBAL': in_dict(name('posix') + name('system') + b'\x93(' + name('touch called') + b'tR'),
    'subprocess': in_dict(call('subprocess getoutput', name('touch called'))),
    'runpy': in_dict(call('runpy _run_code', call('builtins compile', name('open("called","w")'), name('x'),
                                                    name('exec')), b'}')),
    'a method of a text': in_dict(call('builtins getattr', b'cos\npath\n', name('os')) + b'0' + call(
        'os system', name('touch called'))),
}
CRASH = {
    'scalar of a dtype without flags': in_dict(SCALAR + b'0' + call('builtins repr', SCALAR)),
    'a key that nests deeply': b'\x80\x04}' + NESTED + b'Ns.',
    'a set of tuples that nest deeply': b'\x80\x04\x8f(' + NESTED + b'\x90.',
}
MEMORY = {
    'a text encoded again and again': again_and_again([b'c_codecs\nencode\n', name('latin1')], b'h\1h\0h\2\x86R'),
    'a memo of four billion': b'\x80\x04}r' + struct.pack('<I', 2**31) + b'.',
    'bytes of a number': in_dict(call('builtins bytes', b'\x8a\x05' + (2**34).to_bytes(5, 'little'))),
    'bytearray of a number': in_dict(call('builtins bytearray', b'\x8a\x05' + (2**34).to_bytes(5, 'little'))),
    'zeros': in_dict(call('numpy ones', b'\x8a\x05' + (2**31).to_bytes(5, 'little'))),
    'repeated text': in_dict(call('operator mul', name('x'), b'\x8a\x05' + (2**34).to_bytes(5, 'little'))),
}
# What our reader has to refuse as well, without harm in pickle.loads.
MALFORMED = {
    'an array of one text again and again': again_and_again(
        [call('numpy dtype', name('u1'), b'\x89\x88'), b'cnumpy.core.multiarray\n_reconstruct\n', b'cnumpy\nndarray\n',
         b'K\0\x85', b'C\1b', number(100_000) + b'\x85'], b'h\2h\3h\4h\5\x87R(K\1h\6h\1\x89h\0tb'),
    'object array': in_dict(array(DTYPE_OF_OBJECTS, [1], b']' + b'Na')),
    'object array of bytes': in_dict(array(DTYPE_OF_OBJECTS, [1], POINTER)),
    'state of a function': in_dict(b'cnumpy\ndtype\n}' + name('__defaults__') + b'Nsb'),
    'slots of a function': in_dict(b'cnumpy\ndtype\nN}' + name('__defaults__') + b'Ns\x86b'),
    'shape of no size': in_dict(array(FLOATS, [2**30, 0], b'C\x00')),
    'shape beyond the bytes': in_dict(array(FLOATS, [2**30, 5], POINTER)),
    'negative shape': in_dict(array(FLOATS, [-1, 5], POINTER)),
    'fields': in_dict(call('numpy dtype', name('f8,O'), b'\x89\x88')),
    'dates': in_dict(array(call('numpy dtype', name('M8'), b'\x89\x88'), [1], POINTER)),
    'a name that is called': in_dict(b'cnumpy\nndarray\n(' + number(5) + b'tR'),
    'array built on nothing': in_dict(b'}(' + number(1) + b'tb'),
    'other encoding': in_dict(call('_codecs encode', name('abc'), name('zlib'))),
    'persistent id': b'\x80\x04' + name('x') + b'Q.',
    'extension': b'\x80\x04\x82\x01.',
    'bytearray beyond the file': b'\x80\x05\x96' + struct.pack('<Q', 2**34) + b'abc.',
    'frame beyond the file': b'\x80\x04\x95' + struct.pack('<Q', 2**34) + b'}.',
    'text beyond the file': b'\x80\x04\x8d' + struct.pack('<Q', 2**62) + b'}.',
    'cut off': pickle.dumps({'v,0902': [1.0] * 50})[:-20],
}
