/**
 * What is particular to one case of a fault that can end a batch: `{0}`, `{1}` stand for its values. Values are numbers, names
 * of columns that the header shows (shortened and masked), names of profiles; never a value of a record.
 */
import type { Texts } from '../language.ts';

export const DETAIL_TEXTS = {
  INFLATES_TO_NOTHING: {
    en: 'the gzip data inflates to nothing',
    'pt-BR': 'os dados gzip, descompactados, não têm nada',
  },
  BYTES_OF: { en: '{0} of {1} bytes', 'pt-BR': '{0} de {1} bytes' },
  AT_MOST_HOURS: { en: 'at most {0} hours', 'pt-BR': 'no máximo {0} horas' },
  BYTES: { en: '{0} bytes', 'pt-BR': '{0} bytes' },
  BYTES_OF_AT_MOST: { en: '{0} of at most {1} bytes', 'pt-BR': '{0} bytes, de no máximo {1}' },
  RECORDS_OF_AT_MOST: { en: '{0} of at most {1}', 'pt-BR': '{0}, de no máximo {1}' },
  FIELDS_OF_AT_MOST: { en: '{0} fields of at most {1}', 'pt-BR': '{0} campos, de no máximo {1}' },
  RECORDS_OF: { en: '{0} of {1} records', 'pt-BR': '{0} de {1} registros' },
  MORE_THAN_BYTES: { en: 'more than {0} bytes', 'pt-BR': 'mais de {0} bytes' },
  MORE_THAN_TIMES: { en: 'more than {0} times its size', 'pt-BR': 'mais de {0} vezes o seu tamanho' },
  MORE_THAN_MEMBERS: { en: 'more than {0} members', 'pt-BR': 'mais de {0} membros' },
  GZIP_HEADER_CHECKSUM: {
    en: 'the checksum of a header does not match',
    'pt-BR': 'a soma de verificação de um cabeçalho não confere',
  },
  GZIP_MEMBER_CHECKSUM: {
    en: 'the checksum or length of a member does not match',
    'pt-BR': 'a soma de verificação ou o tamanho de um membro não confere',
  },
  ZIP_OR_OFFICE: { en: 'ZIP or Office document', 'pt-BR': 'ZIP ou documento do Office' },
  OLD_OFFICE: { en: 'old Office document', 'pt-BR': 'documento antigo do Office' },
  LINES_PASSED_OVER: { en: '{0} lines are passed over', 'pt-BR': '{0} linhas são puladas' },
  IN_HEADER: { en: 'in the header', 'pt-BR': 'no cabeçalho' },
  FIELD_QUOTE: {
    en: 'field {0}: a quote is out of place',
    'pt-BR': 'campo {0}: há aspas fora do lugar',
  },
  FIELD_NOT_TEXT: {
    en: 'field {0}: not plain text in {1}',
    'pt-BR': 'campo {0}: não é texto puro em {1}',
  },
  NAMES_AND_MORE: { en: '{0} and {1} more', 'pt-BR': '{0} e mais {1}' },
  BYTES_NOW: {
    en: '{0} bytes now, {1} at acceptance',
    'pt-BR': '{0} bytes agora, {1} no aceite',
  },
  BECAME_SHORTER: { en: 'it became shorter', 'pt-BR': 'ficou mais curto' },
  IS_LINK: { en: 'it is a link now', 'pt-BR': 'agora é um link' },
  PROFILE: { en: 'profile {0}', 'pt-BR': 'perfil {0}' },
  PROFILE_BECAUSE: { en: 'profile {0}; {1}', 'pt-BR': 'perfil {0}; {1}' },
  LINE_BYTES: { en: 'it has {0} bytes instead of {1}', 'pt-BR': 'tem {0} bytes em vez de {1}' },
  NO_FILE_HEADER: {
    en: 'the first line is not the header of a file',
    'pt-BR': 'a primeira linha não é o header de um arquivo',
  },
  IS_RETORNO: {
    en: "it is a retorno, a bank's answer, and not a remessa",
    'pt-BR': 'é um retorno, a resposta de um banco, e não uma remessa',
  },
  OTHER_BANK: {
    en: 'the file is of bank {0}, and the profile has the layout of bank {1}',
    'pt-BR': 'o arquivo é do banco {0}, e o perfil tem o leiaute do banco {1}',
  },
  LINES_READ: { en: '{0} lines', 'pt-BR': '{0} linhas' },
  NUMBER_INSTEAD_OF: {
    en: 'it is numbered {0} and must be {1}',
    'pt-BR': 'está numerada {0} e deveria ser {1}',
  },
  AFTER_TRAILER: { en: "lines follow the file's trailer", 'pt-BR': 'há linhas depois do trailer do arquivo' },
  IN_NO_LOT: { en: 'the line stands in no lot', 'pt-BR': 'a linha não está em nenhum lote' },
  IN_OTHER_LOT: {
    en: 'a line of lot {0} stands in lot {1}',
    'pt-BR': 'uma linha do lote {0} está no lote {1}',
  },
  SECOND_FILE_HEADER: { en: 'a second header of the file', 'pt-BR': 'um segundo header do arquivo' },
  LOT_WITHOUT_TRAILER: { en: 'lot {0} has no trailer', 'pt-BR': 'o lote {0} não tem trailer' },
  LOT_AFTER_LOT: { en: 'lot {0} follows lot {1}', 'pt-BR': 'o lote {0} vem depois do lote {1}' },
  LOT_LINES_COUNTED: {
    en: 'lot {0}: the trailer counts {1} lines, {2} stand in it',
    'pt-BR': 'lote {0}: o trailer conta {1} linhas, nele há {2}',
  },
  FILE_LINES_COUNTED: {
    en: 'the trailer counts {0} lines, {1} stand in the file',
    'pt-BR': 'o trailer conta {0} linhas, no arquivo há {1}',
  },
  FILE_LOTS_COUNTED: {
    en: 'the trailer counts {0} lots, {1} stand in the file',
    'pt-BR': 'o trailer conta {0} lotes, no arquivo há {1}',
  },
  MODULE: { en: 'module {0}', 'pt-BR': 'módulo {0}' },
  MODULE_BECAUSE: { en: 'module {0}; {1}', 'pt-BR': 'módulo {0}; {1}' },
  MODULE_VERSIONS: {
    en: 'module {0}; {1} when the batch was picked, {2} here',
    'pt-BR': 'módulo {0}; {1} quando o lote foi distribuído, {2} aqui',
  },
  MODULE_MS: { en: 'module {0}; more than {1} ms', 'pt-BR': 'módulo {0}; mais de {1} ms' },
  MODULE_FAILURES: {
    en: 'module {0}; {1} records of at most {2}; the first: {3}',
    'pt-BR': 'módulo {0}; {1} registros, de no máximo {2}; o primeiro: {3}',
  },
  FAILED_TIMES: { en: '{0} times; last: {1}', 'pt-BR': '{0} vezes; a última: {1}' },
} as const satisfies Record<string, Texts>;

/** Where a fault struck. */
export const PLACE_TEXTS = {
  line: { en: 'line', 'pt-BR': 'linha' },
  column: { en: 'column', 'pt-BR': 'coluna' },
  byte: { en: 'byte', 'pt-BR': 'byte' },
  range: { en: 'range', 'pt-BR': 'faixa' },
  shard: { en: 'shard', 'pt-BR': 'partição' },
  batch: { en: 'batch', 'pt-BR': 'lote' },
} as const satisfies Record<string, Texts>;
